package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"tranche/internal/reconcile"
)

// differencesError is a comparison that left something for somebody to look at.
type differencesError struct{ left int }

// Error says how much was left.
func (e *differencesError) Error() string {
	return fmt.Sprintf("differences left for you to look at: %d", e.left)
}

func (c *cli) reconcileCommand() *cobra.Command {
	var from, to string
	var dryRun bool
	cmd := &cobra.Command{
		Use:   "reconcile",
		Short: "Compare the charges with Stripe's own record, and repair what is safe",
		Long: `Compare every charge of a window with Stripe's own record, in both directions: paid or canceled there and not here, paid
here and not there, another amount or currency, PaymentIntents of ours without a charge, refunds in full, disputes. What is
safe to repair is put into the inbox as an event, which a running serve handles by fetching the object anew; the rest is
printed. serve does the same by itself once a day, for the last three days.

A charge belongs to the window in which its PaymentIntent was made, it fell due, or it was paid; one that is still being
collected also when it fell due up to 60 days before. Connected accounts that plans name are compared too. Not compared:
refunds in part, fees and payouts.

Exit code 0 when nothing is left, 3 when something is or it ended early, 4 when Stripe is down.`,
		Example: `  tranche reconcile
  tranche reconcile --from 2026-01-01 --to 2026-01-31 --dry-run --json`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.withBooks(cmd.Context(), func(b books) error {
				o := reconcile.Options{Now: b.clock.Now, Grace: reconcile.Grace(b.clock), DryRun: dryRun}
				var err error
				if o.From, o.To, err = window(from, to, b.clock.Now()); err != nil {
					return err
				}
				return c.reconcile(cmd.Context(), b, o)
			})
		},
	}
	cmd.Flags().StringVar(&from, "from", "", "the first `DATE`, in UTC, or a time as in RFC 3339 (three days ago)")
	cmd.Flags().StringVar(&to, "to", "", "the last `DATE`, or a time (now)")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "show what differs and repair nothing")
	return cmd
}

// window reads the flags: whole days, or instants. The day of to belongs to it.
func window(from, to string, now time.Time) (begin, end time.Time, err error) {
	begin, end = now.AddDate(0, 0, -reconcile.DefaultDays), now
	if from != "" {
		if begin, _, err = parseDay("--from", from); err != nil {
			return begin, end, err
		}
	}
	if to != "" {
		var day bool
		if end, day, err = parseDay("--to", to); err != nil {
			return begin, end, err
		}
		if day {
			end = end.AddDate(0, 0, 1)
		}
	}
	if !begin.Before(end) {
		return begin, end, usageError{fmt.Errorf("the window ends (%s) before it begins (%s)", end.Format(time.RFC3339), begin.Format(time.RFC3339))}
	}
	return begin, end, nil
}

func parseDay(flag, text string) (at time.Time, day bool, err error) {
	if at, err = time.Parse(time.DateOnly, text); err == nil {
		return at, true, nil
	}
	if at, err = time.Parse(time.RFC3339, text); err == nil {
		return at.UTC(), false, nil
	}
	return at, false, usageError{fmt.Errorf("%s %.40q is not a date such as 2026-01-31, or a time as in RFC 3339", flag, text)}
}

func (c *cli) reconcile(ctx context.Context, b books, o reconcile.Options) error {
	total, err := b.store.CountPayments(ctx, o.From, o.To)
	if err != nil {
		return err
	}
	bar := newProgress(c.talk, "comparing charges", total)
	findings := []reconcile.Finding{}
	o.Found = func(f reconcile.Finding) error { findings = append(findings, f); return nil }
	o.Page = func(s reconcile.Summary) {
		bar.at(int64(s.Charges), fmt.Sprintf("%d of about %d charges, %d PaymentIntents, %d findings", s.Charges, total, s.PaymentIntents, s.Findings))
	}
	summary, err := reconcile.Run(ctx, b.record, b.store, o)
	bar.end()
	some := summary.PaymentIntents+summary.Charges > 0
	if err != nil && !some {
		return endedEarly(err, false)
	}
	if printed := c.printReconcile(o, summary, findings, err == nil); printed != nil {
		return printed
	}
	if err == nil && summary.Left > 0 {
		return partialError{&differencesError{summary.Left}}
	}
	return endedEarly(err, true)
}

func (c *cli) printReconcile(o reconcile.Options, s reconcile.Summary, findings []reconcile.Finding, complete bool) error {
	if c.json {
		return c.printJSON(map[string]any{
			"from": o.From, "to": o.To, "dry_run": o.DryRun, "complete": complete, "summary": s, "findings": findings,
		})
	}
	if len(findings) > 0 {
		tab := newTable("FINDING", "CHARGE", "PAYMENT INTENT", "HERE", "AT STRIPE", "OUTCOME", "WHAT TO DO")
		for _, f := range findings {
			tab.add(string(f.Kind), string(f.Charge), f.PaymentIntent, f.Here, f.There, string(f.Outcome), f.Advice)
		}
		tab.print(c.out)
	}
	fmt.Fprintf(c.talk, "compared: %d PaymentIntents, %d charges; findings: %d, queued for repair: %d, left: %d\n",
		s.PaymentIntents, s.Charges, s.Findings, s.Queued, s.Left)
	c.warnRefused(s.Refused)
	if o.DryRun {
		fmt.Fprintln(c.talk, "dry run: nothing was repaired")
	}
	return nil
}
