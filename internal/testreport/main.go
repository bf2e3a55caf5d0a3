// Command testreport runs go test in one or more modules and prints a short report: one line for
// each package, every failure in full, every skipped test by name with its reason, and a last line
// with the counts.
//
// go test alone hides skipped tests, and a test that skips silently because a service is missing
// proves nothing. With REQUIRE_SERVICES=1 a skip is a failure.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Getenv("REQUIRE_SERVICES") == "1", os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run tests every module and returns the exit code of the first go test that failed.
func run(ctx context.Context, args []string, skipFails bool, stdout, stderr io.Writer) int {
	modules, flags, ok := splitArgs(args)
	if !ok {
		fmt.Fprintln(stderr, "usage: testreport MODULE_DIR... -- GO_TEST_ARGUMENTS")
		return 2
	}
	code := 0
	rep := newReport(stdout)
	for _, dir := range modules {
		if c := runModule(ctx, dir, flags, rep, stdout, stderr); code == 0 {
			code = c
		}
	}
	rep.summary()
	return verdict(code, rep, skipFails, stderr)
}

// verdict returns our exit code for the tests' own: a run that proved nothing fails.
func verdict(code int, rep *report, skipFails bool, stderr io.Writer) int {
	switch {
	case code != 0:
		return code
	case skipFails && len(rep.skipped) > 0:
		fmt.Fprintln(stderr, "testreport: REQUIRE_SERVICES=1 makes a skipped test a failure")
		return 1
	case rep.passed == 0:
		fmt.Fprintln(stderr, "testreport: no test ran")
		return 1
	}
	return 0
}

func splitArgs(args []string) (modules, flags []string, ok bool) {
	i := slices.Index(args, "--")
	if i < 1 {
		return nil, nil, false
	}
	return args[:i], args[i+1:], true
}

func runModule(ctx context.Context, dir string, flags []string, rep *report, stdout, stderr io.Writer) int {
	fmt.Fprintf(stdout, "$ cd %s && go test %s\n", dir, strings.Join(flags, " "))
	cmd := exec.CommandContext(ctx, "go", append([]string{"test", "-json"}, flags...)...) //nolint:gosec // G204: the arguments are the developer's own, from the Makefile
	cmd.Dir = dir
	cmd.Stderr = stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // go test then stops its own children
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		fmt.Fprintf(stderr, "testreport: %v\n", err)
		return 1
	}
	readErr := rep.read(out)
	if err := errors.Join(readErr, cmd.Wait()); err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) && exit.ExitCode() > 0 {
			return exit.ExitCode()
		}
		fmt.Fprintf(stderr, "testreport: %s: %v\n", dir, err)
		return 1
	}
	return 0
}

// read reads the lines of one go test -json. A line that is not an event (such as a tool's output
// on stdout) is printed as it is.
func (r *report) read(in io.Reader) error {
	lines := bufio.NewReader(in)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			var e event
			if json.Unmarshal(line, &e) == nil && e.Action != "" {
				r.add(e)
			} else {
				fmt.Fprintf(r.out, "%s", line)
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read go test's output: %w", err)
		}
	}
}
