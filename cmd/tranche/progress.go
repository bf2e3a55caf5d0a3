package main

import (
	"fmt"
	"io"
	"os"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// progress shows the progress of a long command: a bar on a terminal, else occasional lines.
type progress struct {
	talk  io.Writer
	doing string
	bar   *progressbar.ProgressBar // nil without a terminal
	steps int
}

// linesEvery is the number of steps between two lines without a terminal, so that logs stay short.
const linesEvery = 10

// newProgress shows progress towards total. A total of 0 or less means unknown.
func newProgress(talk io.Writer, doing string, total int64) *progress {
	p := &progress{talk: talk, doing: doing}
	f, ok := talk.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return p
	}
	if total <= 0 {
		total = -1
	}
	p.bar = progressbar.NewOptions64(total, progressbar.OptionSetWriter(talk), progressbar.OptionSetDescription(doing),
		progressbar.OptionSetPredictTime(total > 0), progressbar.OptionClearOnFinish())
	return p
}

// at shows that done of the total is done, with a text.
func (p *progress) at(done int64, words string) {
	p.steps++
	switch {
	case p.bar != nil:
		p.bar.Describe(p.doing + ": " + words)
		_ = p.bar.Set64(done) // a bar that can't be drawn does not end the command
	case p.steps%linesEvery == 1:
		fmt.Fprintf(p.talk, "%s: %s\n", p.doing, words)
	}
}

// end removes the bar.
func (p *progress) end() {
	if p.bar != nil {
		_ = p.bar.Finish()
	}
}
