package main

import (
	"cmp"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
)

// event is one line of go test -json (go doc test2json).
type event struct {
	Action  string
	Package string
	Test    string
	Output  string
	Elapsed float64 // seconds
}

type testRun struct {
	name   string
	status string // pass, fail, skip; empty while it runs
	output []string
	took   float64 // seconds
	parent bool    // it has subtests, which are counted in its place
}

type packageRun struct {
	tests  map[string]*testRun
	order  []*testRun
	output []string // what the package said outside any test
}

type report struct {
	out      io.Writer
	packages map[string]*packageRun
	passed   int
	failed   []string
	skipped  []string
	slow     []slowTest // the slowest first, at most slowest
}

// slowest is how many of the slowest tests the summary lists, which shows where a slow run spends
// its time.
const slowest = 15

type slowTest struct {
	name    string
	seconds float64
}

func newReport(out io.Writer) *report {
	return &report{out: out, packages: map[string]*packageRun{}}
}

func (r *report) add(e event) {
	if e.Action == "build-output" {
		fmt.Fprint(r.out, e.Output)
		return
	}
	if e.Package == "" {
		return
	}
	p := r.packages[e.Package]
	if p == nil {
		p = &packageRun{tests: map[string]*testRun{}}
		r.packages[e.Package] = p
	}
	if e.Test == "" {
		r.addPackageEvent(p, e)
		return
	}
	p.addTestEvent(e)
}

func (r *report) addPackageEvent(p *packageRun, e event) {
	switch e.Action {
	case "output":
		p.output = append(p.output, e.Output)
	case "pass", "fail", "skip":
		r.close(p, e)
		delete(r.packages, e.Package) // the same name may come again from another module
	}
}

func (p *packageRun) addTestEvent(e event) {
	t := p.tests[e.Test]
	if t == nil {
		t = &testRun{name: e.Test}
		p.tests[e.Test] = t
		p.order = append(p.order, t)
		p.markParents(e.Test)
	}
	switch e.Action {
	case "output":
		if !strings.HasPrefix(e.Output, "=== ") { // RUN, PAUSE, CONT and NAME are progress, not findings
			t.output = append(t.output, e.Output)
		}
	case "pass", "fail", "skip":
		t.status, t.took = e.Action, e.Elapsed
	}
}

// markParents finds the tests that the name is a subtest of. A subtest's own name may contain
// slashes.
func (p *packageRun) markParents(name string) {
	for i := range name {
		if name[i] != '/' {
			continue
		}
		if t := p.tests[name[:i]]; t != nil {
			t.parent = true
		}
	}
}

// close counts a finished package and prints it: its result line, and everything if it failed.
func (r *report) close(p *packageRun, e event) {
	failedBefore := len(r.failed)
	for _, t := range p.order {
		r.count(p, e, t)
	}
	if e.Action != "fail" {
		for _, line := range p.output {
			if strings.HasPrefix(line, "ok  \t") || strings.HasPrefix(line, "?   \t") {
				fmt.Fprint(r.out, line)
			}
		}
		return
	}
	if len(r.failed) == failedBefore { // it did not build, or died outside a test
		r.failed = append(r.failed, e.Package)
	}
	for _, t := range p.order {
		if t.bad() {
			fmt.Fprint(r.out, strings.Join(t.output, ""))
		}
	}
	fmt.Fprint(r.out, strings.Join(p.output, ""))
}

// bad reports whether the test failed, or never ended because the process died.
func (t *testRun) bad() bool { return t.status == "fail" || t.status == "" }

// count counts a test. A test with subtests counts only if it failed and none of its subtests did;
// otherwise, the subtests count.
func (r *report) count(p *packageRun, e event, t *testRun) {
	if t.parent && (!t.bad() || p.badChild(t.name)) {
		return
	}
	name := e.Package + " " + t.name
	r.time(name, t.took)
	switch {
	case t.status == "pass":
		r.passed++
	case t.status == "skip":
		r.skipped = append(r.skipped, fmt.Sprintf("%s (%s)", name, t.reason()))
	case t.bad() && e.Action == "fail":
		r.failed = append(r.failed, name)
	}
}

// time keeps the test if it is among the slowest. A test that shares few processors with others
// takes longer than alone.
func (r *report) time(name string, seconds float64) {
	if seconds < 1 {
		return
	}
	at, _ := slices.BinarySearchFunc(r.slow, seconds, func(s slowTest, took float64) int { return cmp.Compare(took, s.seconds) })
	r.slow = slices.Insert(r.slow, at, slowTest{name, seconds})
	r.slow = r.slow[:min(len(r.slow), slowest)]
}

func (p *packageRun) badChild(name string) bool {
	for _, t := range p.order {
		if strings.HasPrefix(t.name, name+"/") && t.bad() {
			return true
		}
	}
	return false
}

var sourcePosition = regexp.MustCompile(`^\S+\.go:\d+: `)

// reason returns the test's argument to t.Skip, on one line.
func (t *testRun) reason() string {
	var said []string
	for _, line := range t.output {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "--- SKIP") {
			continue
		}
		said = append(said, sourcePosition.ReplaceAllString(line, ""))
	}
	if len(said) == 0 {
		return "no reason given"
	}
	return strings.Join(said, "; ")
}

// summary prints the skipped and the failed tests, and then a line with the counts.
func (r *report) summary() {
	fmt.Fprintln(r.out)
	for _, s := range r.slow {
		fmt.Fprintf(r.out, "slow: %.0f s %s\n", s.seconds, s.name)
	}
	for _, s := range r.skipped {
		fmt.Fprintln(r.out, "skipped:", s)
	}
	for _, s := range r.failed {
		fmt.Fprintln(r.out, "failed:", s)
	}
	fmt.Fprintf(r.out, "%d passed, %d failed, %d skipped\n", r.passed, len(r.failed), len(r.skipped))
}
