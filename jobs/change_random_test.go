//go:build !race

package jobs_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"tranche/internal/billing"
	"tranche/internal/operator"
	"tranche/internal/store/storetest"
	"tranche/internal/testbench"
)

// TestAfterChangesAtRandomStripesRecordIsOurs simulates months of a plan, with random changes and a
// card that is declined now and then, and compares both records at the end.
func TestAfterChangesAtRandomStripesRecordIsOurs(t *testing.T) {
	t.Parallel()
	for name, engine := range map[string]struct {
		open  func(testing.TB) billing.Store
		lives int
	}{
		"sqlite":   {func(t testing.TB) billing.Store { return storetest.SQLite(t) }, 8},
		"postgres": {func(t testing.TB) billing.Store { return storetest.Postgres(t) }, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lived := 0
			rapid.Check(t, func(rt *rapid.T) {
				if lived++; lived > engine.lives { // each is months of work on a database and an HTTP server of its own
					return
				}
				b := newBench(t, engine.open(t))
				b.liveThroughChanges(rt)
			})
		})
	}
}

// liveThroughChanges creates a plan, pays its first charge, and changes it every few days.
func (b *bench) liveThroughChanges(rt *rapid.T) {
	card := rapid.SampledFrom([]string{good, good, thenNoFunds}).Draw(rt, "card")
	p := b.Started(card, nil)
	for range rapid.IntRange(4, 10).Draw(rt, "changes") {
		b.randomChange(rt, p.Plan.ID)
		b.Settle()
		b.Advance(rapid.IntRange(1, 20).Draw(rt, "days"))
	}
	b.Advance(30)
	d := b.Details(p.Plan.ID)
	require.Equal(b.t, billing.SumOf(d.Charges), d.Plan.Total)
	intents := map[string]testbench.Intent{}
	for _, pi := range b.Intents() {
		intents[pi.ID] = pi
	}
	var ours, theirs int64
	for _, c := range d.Charges {
		pi := intents[c.PaymentIntent]
		switch {
		case c.PaidOutside, c.Status == billing.ChargeCanceled:
			require.NotEqual(b.t, "succeeded", pi.Status, "charge %d", c.Sequence)
			if pi.ID != "" {
				require.Equal(b.t, "canceled", pi.Status, "charge %d can still be paid", c.Sequence)
			}
		case c.Status.Settled():
			require.Equal(b.t, "succeeded", pi.Status)
			require.Equal(b.t, c.Amount, pi.AmountReceived)
			ours += c.Amount
		}
		require.True(b.t, c.NextAttemptAt.IsZero() || !c.Status.Ended(), "charge %d is %s and still due", c.Sequence, c.Status)
	}
	_, theirs = b.Succeeded()
	require.Equal(b.t, ours, theirs)
	b.agreesWithStripe()
}

// randomChange requests one change; a change that the state forbids is refused.
func (b *bench) randomChange(rt *rapid.T, id billing.PlanID) {
	b.t.Helper()
	ctx, o, now := b.t.Context(), b.Operator(), b.Now()
	target := rapid.SampledFrom(b.Details(id).Charges).Draw(rt, "charge").ID
	due := now.AddDate(0, 0, rapid.IntRange(1, 60).Draw(rt, "in days")).Format(time.DateOnly)
	amount := rapid.Int64Range(1_000, 20_000).Draw(rt, "amount")
	changes := map[string]func() error{
		"pause":  func() error { _, err := o.Pause(ctx, id, ""); return err },
		"resume": func() error { _, err := o.Resume(ctx, id, operator.Shift, ""); return err },
		"catch up": func() error {
			_, err := o.Resume(ctx, id, operator.CatchUp, operator.MissedAll)
			return err
		},
		"refund":      func() error { _, err := o.CancelAndRefund(ctx, id, ""); return err },
		"remaining":   func() error { _, err := o.SetRemaining(ctx, id, 3*amount); return err },
		"fee":         func() error { _, err := o.AddFee(ctx, id, amount, due, ""); return err },
		"extend":      func() error { _, err := o.Extend(ctx, id, operator.ExtendInput{Parts: 2}); return err },
		"pay all":     func() error { _, err := o.PayAll(ctx, id, 500); return err },
		"retry":       func() error { _, err := o.Retry(ctx, target); return err },
		"skip":        func() error { _, err := o.Skip(ctx, target, ""); return err },
		"skip to end": func() error { _, err := o.SkipToEnd(ctx, target, "", ""); return err },
		"move":        func() error { _, err := o.Move(ctx, target, due); return err },
		"amount":      func() error { _, err := o.SetAmount(ctx, target, amount); return err },
		"split":       func() error { _, err := o.Split(ctx, target, amount, due); return err },
		"pay":         func() error { _, err := o.Pay(ctx, target); return err },
		"outside":     func() error { _, err := o.PaidOutside(ctx, target, ""); return err },
		"write off":   func() error { _, err := o.WriteOff(ctx, target, ""); return err },
	}
	names := []string{
		"pause", "resume", "resume", "catch up", "catch up", "remaining", "fee", "extend", "pay all", "retry", "skip", "skip to end", "move", "amount",
		"split", "pay", "outside", "write off", "refund",
	}
	name := rapid.SampledFrom(names).Draw(rt, "change")
	err := changes[name]()
	b.t.Logf("%s %s: %s %s: %v", now.Format(time.DateOnly), id, name, target, err)
	var refused *operator.RefusedError
	var invalid *billing.InvalidError
	require.True(b.t, err == nil || errors.As(err, &refused) || errors.As(err, &invalid), "%v", err)
}
