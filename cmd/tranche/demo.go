package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"
)

// demoRate is the speed of the demo's clock: six days a second, so that three months pass in
// sixteen seconds.
const demoRate = 6 * 24 * 60 * 60

// demoLead is how long, in real time, the clock may run ahead of the last step of the story. On a
// busy machine the demo then takes longer, but the same things happen in each month.
const demoLead = 100 * time.Millisecond

// demoPatience is the timeout of a demo that does not finish.
const demoPatience = 2 * time.Minute

func (c *cli) demoCommand() *cobra.Command {
	var keep string
	var logFile string
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Simulate three months of plans in sixteen seconds, offline",
		Long: `Run the production code against the built-in Stripe simulator, a SQLite file, the embedded queue and a mail server in the
process, on a clock that runs six days a second. Six customers have plans, with the five test cards of Stripe's guide and
one more. The demo prints each step as it happens, then a ledger that is checked against the simulator's record.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir := keep
			if dir == "" {
				temp, err := os.MkdirTemp("", "tranche-demo-")
				if err != nil {
					return err
				}
				defer func() { _ = os.RemoveAll(temp) }()
				dir = temp
			}
			return c.runDemo(cmd.Context(), dir, logFile)
		},
	}
	cmd.Flags().StringVar(&keep, "keep", "", "keep the database in this `DIR`, for use with the other commands")
	cmd.Flags().StringVar(&logFile, "log", "", "write the log of the process to this `FILE`")
	return cmd
}

func (c *cli) runDemo(ctx context.Context, dir, logFile string) (err error) {
	story := c.out
	if c.json {
		story = c.talk // standard output holds only the JSON document
	}
	var log = io.Discard
	if logFile != "" {
		f, err := os.Create(logFile)
		if err != nil {
			return usageError{err}
		}
		defer func() { _ = f.Close() }()
		log = f
	}
	world, err := newDemoWorld(ctx, dir, log)
	if err != nil {
		return err
	}
	defer world.stop()

	began, opened := time.Now(), world.clock.Now()
	fmt.Fprintf(story, "Six customers, three months, %d days a second. Times are the customers' own.\n\n", demoRate/86400)
	ctx, cancel := context.WithTimeout(ctx, demoPatience)
	defer cancel()
	timeline := newTimeline(world, story)
	if err := world.play(ctx, timeline); err != nil {
		if errors.Is(err, context.DeadlineExceeded) {
			return fmt.Errorf("the demo did not settle in %s: %w", demoPatience, err)
		}
		return err
	}
	report, err := world.report(ctx)
	if err != nil {
		return err
	}
	if c.json {
		if err := c.printJSON(report); err != nil {
			return err
		}
	}
	report.printLedger(story)
	fmt.Fprintf(story, "\n%d mails sent, each once; %d days in %.1f s.\n", report.Totals.Mails,
		int(world.clock.Now().Sub(opened).Hours()/24), time.Since(began).Seconds())
	if len(report.Totals.Problems) > 0 {
		return fmt.Errorf("the ledger and Stripe's record do not agree: %d problems, listed above", len(report.Totals.Problems))
	}
	return nil
}
