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
	"tranche/internal/operator/operatortest"
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
	now := b.Now()
	target := rapid.SampledFrom(b.Details(id).Charges).Draw(rt, "charge").ID
	due := now.AddDate(0, 0, rapid.IntRange(1, 60).Draw(rt, "in days")).Format(time.DateOnly)
	amount := rapid.Int64Range(1_000, 20_000).Draw(rt, "amount")
	values := operatortest.Values{
		Remaining: 3 * amount, Fee: amount, Discount: 500, Amount: amount, First: amount, Parts: 2, Due: due, FeeDue: due, Dates: operator.Shift,
	}
	if rapid.Bool().Draw(rt, "catch up") {
		values.Dates, values.Resumed = operator.CatchUp, operator.MissedAll
	}
	op := rapid.SampledFrom([]operator.Operation{
		operator.OpPause, operator.OpResume, operator.OpResume, operator.OpResume, operator.OpResume, operator.OpRemaining, operator.OpFee, operator.OpExtend,
		operator.OpPayAll, operator.OpRetry, operator.OpSkip, operator.OpSkipToEnd, operator.OpMove, operator.OpAmount, operator.OpSplit, operator.OpPay,
		operator.OpPaidOutside, operator.OpWriteOff, operator.OpRefund,
	}).Draw(rt, "change")
	_, err := values.Make(b.t.Context(), b.Operator(), op, id, target)
	b.t.Logf("%s %s: %s %s: %v", now.Format(time.DateOnly), id, op, target, err)
	var refused *operator.RefusedError
	var invalid *billing.InvalidError
	require.True(b.t, err == nil || errors.As(err, &refused) || errors.As(err, &invalid), "%v", err)
}
