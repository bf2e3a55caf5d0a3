// Command chaos runs Tranche as in production (several processes of each role, PostgreSQL, Redis, a
// mail server, and the simulator as Stripe), simulates months of plans on a fast clock, and injects
// every kind of fault meanwhile. Then it compares Tranche's records with what Stripe and the mail
// server received. It looks from outside only: over HTTP and with the operator's commands, never
// into the database.
//
// The faults and the load follow from one seed (CHAOS_SEED), which is printed first. A run with the
// same seed, length and pace injects the same faults into the same targets at the same times. What
// the processes do at those times depends on the machine, so a failure usually recurs, but not
// always.
//
// Settings, all from the environment:
//
//	CHAOS_SECONDS  how long faults are injected (300)
//	CHAOS_SEED     the seed; random if not set
//	CHAOS_PACE     simulated days per second; drawn from the seed if not set
//	CHAOS_PLANS    number of plans (one per second of faults)
//	CHAOS_SETTLE   seconds allowed for settling afterwards (240)
//	CHAOS_BINARY   the binary to run (bin/tranche)
//	CHAOS_FAULTS   kinds of fault to inject, by their names in the report, separated by commas (all)
//	CHAOS_KEEP     1 keeps the logs of a successful run, too
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	os.Exit(run()) //nolint:forbidigo // a command of the build ends with its verdict; run has cleaned up
}

// run makes a run and returns the exit code: 0 without damage, 1 with damage, 2 if the run could
// not be made.
func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	s, err := readSettings(os.Getenv)
	if err != nil {
		fmt.Fprintln(os.Stderr, "chaos:", err)
		return 2
	}
	fmt.Fprintf(os.Stdout, "seed %d, %s of faults at %g days per second (CHAOS_SEED=%d CHAOS_PACE=%g CHAOS_SECONDS=%.0f repeats it)\n",
		s.Seed, s.FaultPhase, s.Pace, s.Seed, s.Pace, s.FaultPhase.Seconds())
	result, err := cause(ctx, s, os.Stderr)
	if err != nil {
		fmt.Fprintln(os.Stderr, "chaos:", err)
		if result.logs != "" {
			fmt.Fprintln(os.Stderr, "chaos: logs are in", result.logs)
		}
		return 2
	}
	result.print(os.Stdout)
	if result.damage.total() > 0 {
		return 1
	}
	return 0
}
