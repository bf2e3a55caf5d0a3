package app

import (
	"slices"

	"github.com/rs/zerolog"
)

// opened lists what a process has opened, in order. Its zero value is ready to use. It is not safe
// for concurrent use.
type opened []openedPart

type openedPart struct {
	name  string
	close func() error
}

// add registers how to close a part that was just opened.
func (o *opened) add(name string, closePart func() error) {
	*o = append(*o, openedPart{name: name, close: closePart})
}

// closeAll closes every part, the last one opened first, and logs the parts that do not close
// cleanly. A second call does nothing.
func (o *opened) closeAll(log zerolog.Logger) {
	parts := *o
	*o = nil
	for _, p := range slices.Backward(parts) {
		if err := p.close(); err != nil {
			log.Warn().Err(err).Str("what", p.name).Msg("not closed cleanly")
		}
	}
}

// quietly adapts a close function that can't fail.
func quietly(f func()) func() error {
	return func() error { f(); return nil }
}
