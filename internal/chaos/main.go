// Command chaos runs Tranche as it runs in production (several processes of each role, PostgreSQL, Redis, a mail server,
// and the simulator as Stripe), lives through months of plans on a fast clock, and breaks everything that can break while
// it does. Then it compares what Tranche says with what Stripe and the mail server have seen, from outside: over HTTP, by
// the operator's own commands, and never by looking into the database.
//
// The plan of faults and of the load derives from one seed (CHAOS_SEED), which is printed first. A run with the same seed,
// length and pace does the same to the same targets at the same moments; what the processes were doing just then is up to
// the machine, so a failure comes back often, not always.
//
// Settings, all from the environment:
//
//	CHAOS_SECONDS  how long there is trouble (300)
//	CHAOS_SEED     the seed; drawn at random when it is not set
//	CHAOS_PACE     simulated days in a second; drawn from the seed when it is not set
//	CHAOS_PLANS    how many plans are made (one for each second of trouble)
//	CHAOS_SETTLE   how many seconds everything may take to come to rest afterwards (240)
//	CHAOS_BINARY   the binary to run (bin/tranche)
//	CHAOS_FAULTS   the only kinds of fault there are, by their names in the report, separated by commas (all)
//	CHAOS_KEEP     1 keeps the logs of a run that went well, too
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

// run is main without its end: 0 when nothing was damaged, 1 when something was, 2 when the run could not be made.
func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	s, err := readSettings(os.Getenv)
	if err != nil {
		fmt.Fprintln(os.Stderr, "chaos:", err)
		return 2
	}
	fmt.Fprintf(os.Stdout, "seed %d, %s of trouble at %g days a second (CHAOS_SEED=%d CHAOS_PACE=%g CHAOS_SECONDS=%.0f repeats it)\n",
		s.Seed, s.Trouble, s.Pace, s.Seed, s.Pace, s.Trouble.Seconds())
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
