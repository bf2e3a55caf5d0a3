package jobs_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/stripesim"
	"tranche/internal/terms"
)

// requirePaidWithin advances minute by minute until a charge is paid, within the given limit.
func (b *bench) requirePaidWithin(plan billing.PlanID, sequence int, limit time.Duration) {
	b.t.Helper()
	until := b.Now().Add(limit)
	for b.Settle(); b.Charge(plan, sequence).Status != billing.ChargeSucceeded; b.Settle() {
		require.True(b.t, b.Now().Before(until), "not paid after %s: %s", limit, b.Charge(plan, sequence).Reason)
		b.SetNow(b.Now().Add(time.Minute))
	}
}

// serverErrors makes the next calls to a path fail with HTTP 500, which Stripe stores under their
// keys.
func (b *bench) serverErrors(action stripesim.FaultAction, path string, count int) {
	b.t.Helper()
	require.NoError(b.t, b.Sim.AddFault(stripesim.FaultRule{Action: action, Method: "POST", Path: path, Count: count}))
}

func TestCollect_ServerErrorKeptUnderTheKey(t *testing.T) {
	for name, tc := range map[string]struct {
		action stripesim.FaultAction
		count  int
		within time.Duration
	}{
		"not carried out":       {stripesim.ActionServerError, 1, 10 * time.Minute},
		"carried out":           {stripesim.ActionServerErrorExecuted, 1, 10 * time.Minute},
		"carried out each time": {stripesim.ActionServerErrorExecuted, 3, 10 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			eachEngine(t, func(b *bench) {
				p := b.Started(good, nil)
				b.serverErrors(tc.action, "/v1/payment_intents", tc.count)
				b.SetNow(b.Charge(p.Plan.ID, 2).DueAt)
				b.requirePaidWithin(p.Plan.ID, 2, tc.within)
				count, _ := b.Succeeded()
				require.Equal(b.t, 2, count)
			})
		})
	}
}

func TestCollect_ServerErrorAtAConfirmation(t *testing.T) {
	for _, action := range []stripesim.FaultAction{stripesim.ActionServerError, stripesim.ActionServerErrorExecuted} {
		t.Run(string(action), func(t *testing.T) {
			eachEngine(t, func(b *bench) {
				plan := b.startedWith(declinesLater("insufficient_funds", "sim_decline_count", "1"), nil)
				b.SetNow(b.Charge(plan, 2).DueAt)
				b.Settle()
				require.Equal(b.t, billing.ChargeRetrying, b.Charge(plan, 2).Status)
				b.serverErrors(action, "/v1/payment_intents/*/confirm", 1)
				b.SetNow(b.Charge(plan, 2).NextAttemptAt)
				b.requirePaidWithin(plan, 2, 10*time.Minute)
				declines := 0
				for _, a := range b.Details(plan).Attempts[b.Charge(plan, 2).ID] {
					if a.Outcome == billing.OutcomeDeclined {
						declines++
					}
				}
				require.Equal(b.t, 1, declines, "the old decline is no answer to the new attempt")
				count, _ := b.Succeeded()
				require.Equal(b.t, 2, count)
			})
		})
	}
}

func TestReplace_ServerErrorAtTheCancellation(t *testing.T) {
	eachEngine(t, func(b *bench) {
		plan := b.failedOnce("insufficient_funds", func(t *terms.Terms) { t.Parts = 2 })
		b.otherStripeCustomer(plan)
		b.serverErrors(stripesim.ActionServerError, "/v1/payment_intents/*/cancel", 1)
		b.SetNow(b.Charge(plan, 2).NextAttemptAt)
		b.requirePaidWithin(plan, 2, 10*time.Minute)
	})
}

func TestSaveCard_ServerErrorKeptUnderTheKey(t *testing.T) {
	for _, action := range []stripesim.FaultAction{stripesim.ActionServerError, stripesim.ActionServerErrorExecuted} {
		t.Run(string(action), func(t *testing.T) {
			eachEngine(t, func(b *bench) {
				p := b.Plan(nil)
				b.serverErrors(action, "/v1/customers", 1)
				require.NoError(b.t, b.PayFirst(p, good))
				for range 3 {
					b.Settle()
					b.SetNow(b.Now().Add(time.Minute))
				}
				require.Equal(b.t, billing.CardActive, b.cardOf(p.Plan.ID).Status)
			})
		})
	}
}
