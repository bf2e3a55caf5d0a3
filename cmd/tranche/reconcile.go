package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"tranche/internal/reconcile"
)

// differencesError is the result of a comparison with differences that need a person.
type differencesError struct{ left int }

// Error returns the number of differences.
func (e *differencesError) Error() string {
	return fmt.Sprintf("differences left for you to resolve: %d", e.left)
}

func (c *cli) reconcileCommand() *cobra.Command {
	var from, to string
	var dryRun bool
	cmd := &cobra.Command{
		Use:   "reconcile",
		Short: "Compare charges with Stripe's record and make safe repairs",
		Long: `Compare every charge of a window with Stripe's own record, in both directions: paid or canceled there and not here, paid
here and not there, another amount or currency, Tranche's PaymentIntents without a charge, full refunds, disputes.
For a difference that is safe to repair, an event is put into the inbox, and a running serve handles it by fetching the
object; other differences are printed. serve does the same by itself once a day, for the last three days.

A charge belongs to a window if its PaymentIntent was created, it fell due, or it was paid in the window; a charge that is
still being collected also if it fell due up to 60 days before. Connected accounts that plans name are included. Partial
refunds, fees and payouts are not compared.

Exit code 0 if no difference is left, 3 if any is left or the run ended early, 4 if Stripe is down.`,
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
	cmd.Flags().StringVar(&from, "from", "", "the first `DATE`, in UTC, or an RFC 3339 time (default: three days ago)")
	cmd.Flags().StringVar(&to, "to", "", "the last `DATE`, or a time (default: now)")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "show the differences and repair nothing")
	return cmd
}

// window reads the flags as whole days or instants. The last day is included.
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
	return at, false, usageError{fmt.Errorf("%s %.40q is not a date such as 2026-01-31, or an RFC 3339 time", flag, text)}
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
