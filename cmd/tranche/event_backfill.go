package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"tranche/internal/backfill"
	"tranche/internal/billing"
	"tranche/internal/stripeevents"
)

func (c *cli) eventBackfillCommand() *cobra.Command {
	var since time.Duration
	var dryRun bool
	cmd := &cobra.Command{
		Use:   "backfill",
		Short: "Fetch events that no webhook delivered",
		Long: `Read Stripe's own list of events and store missing events in the inbox; a running serve handles them. serve does the
same by itself every TRANCHE_SWEEP_EVERY, from where it last stopped. Stripe keeps its list for 30 days. The command can
be repeated: no event is handled twice. If it ends early, events stored so far are kept (exit code 3).`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if since <= 0 || since > billing.EventHistory {
				return usageError{fmt.Errorf("--since %s is not between 0 and %s, which is as long as Stripe keeps events", since, billing.EventHistory)}
			}
			return c.withBooks(cmd.Context(), func(b books) error { return c.backfill(cmd.Context(), b, since, dryRun) })
		},
	}
	cmd.Flags().DurationVar(&since, "since", billing.EventHistory, "read events of this `DURATION` up to now")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "count what is missing and store nothing")
	return cmd
}

func (c *cli) backfill(ctx context.Context, b books, back time.Duration, dryRun bool) error {
	now := b.clock.Now()
	bar := newProgress(c.talk, "reading Stripe's events", int64(back/time.Minute))
	counts, err := backfill.Run(ctx, b.record, b.store, backfill.Options{
		Since: now.Add(-back), Now: b.clock.Now, Types: stripeevents.Types(), DryRun: dryRun,
		Page: func(n backfill.Counts) {
			bar.at(int64(now.Sub(n.Until)/time.Minute), fmt.Sprintf("%d seen, %d new, back to %s", n.Seen, n.New, n.Until.Format(time.RFC3339)))
		},
	})
	bar.end()
	if err != nil && counts.Seen == 0 {
		return endedEarly(err, false)
	}
	if printed := c.printBackfill(counts, dryRun, err == nil); printed != nil {
		return printed
	}
	return endedEarly(err, true)
}

func (c *cli) printBackfill(n backfill.Counts, dryRun, complete bool) error {
	if c.json {
		counts := map[string]any{"seen": n.Seen, "new": n.New, "dry_run": dryRun, "complete": complete}
		if len(n.Refused) > 0 {
			counts["refused_accounts"] = n.Refused
		}
		return c.printJSON(counts)
	}
	fmt.Fprintf(c.out, "%d events seen, %d new\n", n.Seen, n.New)
	c.warnRefused(n.Refused)
	if dryRun {
		fmt.Fprintln(c.talk, "dry run: nothing was stored")
	}
	return nil
}

// warnRefused reports the connected accounts that Stripe refused access to.
func (c *cli) warnRefused(accounts []string) {
	for _, account := range accounts {
		fmt.Fprintf(c.talk, "not read: Stripe refuses this key access to %s\n", account)
	}
}
