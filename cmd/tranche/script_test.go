package main

import (
	"errors"
	"net/http/httptest"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"tranche/internal/stripesim"
)

// TestCommandLine runs the scripts in testdata/script, which specify the command line. Each runs in
// its own folder, with its own Stripe simulator at $SIM, no server at $CLOSED, and no settings.
func TestCommandLine(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			sim := stripesim.New(stripesim.Options{})
			server := httptest.NewServer(sim)
			env.Defer(func() { server.Close(); sim.Close() })
			env.Setenv("SIM", server.URL)
			env.Setenv("CLOSED", "127.0.0.1:1") // a port that the system does not assign to programs
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){"exits": exits, "capture": capture},
	})
}

// exits runs a command and requires its exit code: `exits 2 tranche serve`. It also requires that
// the outputs hold no secret.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND [ARGUMENT...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	code := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		code = exit.ExitCode()
	}
	if code != want {
		ts.Fatalf("exit code %d, not %d", code, want)
	}
	talk := ts.ReadFile("stderr")
	said := ts.ReadFile("stdout") + talk
	for _, name := range []string{"STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET", "TRANCHE_API_KEY", "TRANCHE_SECRET_KEY", "PASSWORD"} {
		for secret := range strings.SplitSeq(ts.Getenv(name), ",") {
			if secret != "" && strings.Contains(said, secret) {
				ts.Fatalf("%s is shown", name)
			}
		}
	}
	if strings.Contains(talk, "_secret_") {
		ts.Fatalf("a client secret is shown on standard error")
	}
}

// capture stores the first match of a pattern in the last command's output: `capture ID 'ep_\w+'`.
func capture(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: capture NAME PATTERN")
	}
	found := regexp.MustCompile(args[1]).FindString(ts.ReadFile("stdout"))
	if found == "" {
		ts.Fatalf("nothing looks like %s", args[1])
	}
	ts.Setenv(args[0], found)
}
