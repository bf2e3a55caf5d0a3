package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"tranche/config"
	"tranche/internal/app"
	"tranche/internal/billing"
	"tranche/internal/catchup"
	"tranche/internal/clock"
	"tranche/internal/money"
	"tranche/internal/store"
	"tranche/internal/stripegw"
)

func (c *cli) restoreCheckCommand() *cobra.Command {
	return &cobra.Command{
		Use: "restore-check", Short: "Show what a restored database lacks and its catch-up with Stripe", Args: noArgs,
		Long: `Show when the database lost commits, how far it went back, and how much was caught up since. Payments at Stripe since the
last known time are compared: payments whose plan or charge is not in this database are listed, with the fix. Nothing is changed.

Exit code 0 if nothing is left to do, 3 if something is, 4 if a service is down.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := c.config(nil, config.NeedsStripe)
			if err != nil {
				return err
			}
			return c.withStore(cmd.Context(), func(_ config.Config, s *store.Store) error { return c.restoreCheck(cmd.Context(), cfg, s) })
		},
	}
}

// rewindView is the JSON of one loss.
type rewindView struct {
	FoundAt    time.Time  `json:"found_at"`
	GoodAt     *time.Time `json:"last_known_good_at"`
	How        string     `json:"how"`
	Missing    int        `json:"missing_attempts"`
	CaughtUpAt *time.Time `json:"caught_up_at"`
}

// strayPayment is the JSON of a payment at Stripe whose plan or charge is not in the database.
type strayPayment struct {
	PaymentIntent string         `json:"payment_intent"`
	Account       string         `json:"account,omitempty"`
	Amount        int64          `json:"amount"`
	Currency      money.Currency `json:"currency"`
	Reference     string         `json:"reference"`
	Plan          string         `json:"plan"`
	Charge        string         `json:"charge"`
}

func (c *cli) restoreCheck(ctx context.Context, cfg config.Config, s *store.Store) error {
	clk, err := clock.Parse(cfg.Clock)
	if err != nil {
		return err
	}
	rewinds, err := s.Rewinds(ctx)
	if err != nil {
		return err
	}
	lineage, err := s.Lineage(ctx)
	if err != nil {
		return err
	}
	gateway, closeGateway, err := app.OpenGateway(cfg, clk, c.logger(cfg))
	if err != nil {
		return err
	}
	defer closeGateway()
	from, err := catchup.LastGood(ctx, s, rewinds, lineage, clk.Now())
	if err != nil {
		return err
	}
	var stray []strayPayment
	to := clk.Now().Add(time.Second) // the list has whole seconds; include the last one
	refused, err := catchup.StrayPayments(ctx, stripegw.NewRecord(gateway, 0), s, from, to, func(account string, p billing.RecordedPayment) {
		stray = append(stray, strayPayment{
			PaymentIntent: p.ID, Account: account, Amount: p.Amount, Currency: p.Currency, Reference: p.Metadata[billing.MetaReference],
			Plan: p.Metadata[billing.MetaPlan], Charge: p.Metadata[billing.MetaCharge],
		})
	})
	if err != nil {
		return err
	}
	pending, err := s.PendingEvents(ctx, clk.Now())
	if err != nil {
		return err
	}
	return c.printRestoreCheck(rewinds, lineage, from, stray, refused, pending)
}

func (c *cli) printRestoreCheck(rewinds []billing.Rewind, l billing.Lineage, from time.Time, stray []strayPayment, refused []string, pending int) error {
	open, views := 0, []rewindView{}
	for _, r := range rewinds {
		if r.CaughtUpAt.IsZero() {
			open++
		}
		views = append(views, rewindView{r.FoundAt, timeOrNil(r.GoodAt), r.How, r.Missing, timeOrNil(r.CaughtUpAt)})
	}
	if c.json {
		err := c.printJSON(map[string]any{
			"rewinds": views, "compared_from": from, "reconcile_from": timeOrNil(l.ReconcileFrom), "pending_events": pending,
			"missing_plans": append([]strayPayment{}, stray...), "refused_accounts": refused,
		})
		if err != nil {
			return err
		}
	} else {
		c.describeRestore(rewinds, l, from, stray, pending)
	}
	if left := open + len(stray) + pending; left > 0 || !l.ReconcileFrom.IsZero() {
		return partialError{fmt.Errorf("%d losses are not caught up, %d payments belong to no plan here, %d events wait", open, len(stray), pending)}
	}
	return nil
}

func (c *cli) describeRestore(rewinds []billing.Rewind, l billing.Lineage, from time.Time, stray []strayPayment, pending int) {
	if len(rewinds) == 0 {
		fmt.Fprintln(c.out, "the database is not known to have gone back in time")
	}
	for _, r := range rewinds {
		fmt.Fprintf(c.out, "found %s: %s\n  last known good: %s, %d attempts missing, caught up: %s\n", r.FoundAt.Format(time.RFC3339), r.How,
			shown(r.GoodAt), r.Missing, shown(r.CaughtUpAt))
	}
	if !l.ReconcileFrom.IsZero() {
		fmt.Fprintf(c.out, "Stripe's payments since %s are still to be compared; nothing is charged until then\n", l.ReconcileFrom.Format(time.RFC3339))
	}
	fmt.Fprintf(c.out, "%d events wait to be handled\n", pending)
	for _, p := range stray {
		fmt.Fprintf(c.out, "%s of %s for %q: plan %s, charge %s are not in this database; create the plan again with its remaining payments, or refund the payment\n",
			p.PaymentIntent, money.FormatAmount(p.Amount, p.Currency), p.Reference, p.Plan, p.Charge)
	}
	fmt.Fprintf(c.out, "%d payments since %s belong to no plan here\n", len(stray), shown(from))
}

func timeOrNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func shown(t time.Time) string {
	if t.IsZero() {
		return "not known"
	}
	return t.Format(time.RFC3339)
}

// restores reports the newest loss of commits. A database without a loss gets no line.
func (e *examination) restores(ctx context.Context) {
	if e.store == nil {
		return
	}
	rewinds, err := e.store.Rewinds(ctx)
	if err != nil || len(rewinds) == 0 {
		return // another check reports a database that can't be read
	}
	last := rewinds[0]
	found := fmt.Sprintf("the database went back in time: found %s, last known good %s", last.FoundAt.Format(time.RFC3339), shown(last.GoodAt))
	if last.CaughtUpAt.IsZero() {
		e.fail("restore", found+"; charges wait", "tranche restore-check")
		return
	}
	e.warn("restore", found+"; Stripe's record was caught up "+shown(last.CaughtUpAt), "tranche restore-check lists what is left")
}
