package jobs_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/planning"
	"tranche/internal/stripesim"
)

func TestCreatePlan_CanceledMeanwhile(t *testing.T) {
	for name, create := range map[string]func(b *bench, cancel func()) planning.Created{
		"answer lost, request sent again": func(b *bench, cancel func()) planning.Created {
			b.loseAnswer()
			_, err := b.Planner.Create(b.t.Context(), planning.Request{Terms: b.Terms(nil)})
			require.Error(b.t, err)
			cancel()
			again, err := b.Planner.Create(b.t.Context(), planning.Request{Terms: b.Terms(nil)})
			require.NoError(b.t, err)
			return again
		},
		"canceled before the answer": func(b *bench, cancel func()) planning.Created {
			b.Gateway.After = func(pi billing.PaymentIntent, err error) (billing.PaymentIntent, error) {
				b.Gateway.After = nil
				cancel()
				return pi, err
			}
			made, err := b.Planner.Create(b.t.Context(), planning.Request{Terms: b.Terms(nil)})
			require.NoError(b.t, err)
			return made
		},
		"request sent again before the worker": func(b *bench, cancel func()) planning.Created {
			_, err := b.Planner.Create(b.t.Context(), planning.Request{Terms: b.Terms(nil)})
			require.NoError(b.t, err)
			cancel()
			again, err := b.Planner.Create(b.t.Context(), planning.Request{Terms: b.Terms(nil)})
			require.NoError(b.t, err)
			return again
		},
	} {
		t.Run(name, func(t *testing.T) {
			eachEngine(t, func(b *bench) {
				made := create(b, func() {
					plan, err := b.Store.PlanByReference(b.t.Context(), "order-1")
					require.NoError(b.t, err)
					_, err = b.Operator().Cancel(b.t.Context(), plan.ID, "the customer left")
					require.NoError(b.t, err)
				})
				require.Equal(b.t, billing.PlanCanceled, made.Plan.Status)
				require.Empty(b.t, made.FirstPayment.ClientSecret)
				b.Settle()
				b.SetNow(b.Now().Add(2 * time.Minute))
				b.Settle()
				b.requireVoid(b.Charge(made.Plan.ID, 1))
			})
		})
	}
}

func TestCreatePlan_SetupOfACanceledPlan(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.awaitingCard()
		_, err := b.Operator().Cancel(b.t.Context(), p.Plan.ID, "")
		require.NoError(b.t, err)
		again := b.awaitingCard()
		require.Equal(b.t, p.Plan.ID, again.Plan.ID)
		require.Empty(b.t, again.Setup.ClientSecret)
	})
}

func TestCheckout_StripeCanceledThePaymentIntent(t *testing.T) {
	for name, tc := range map[string]struct {
		heard bool
		wait  time.Duration
	}{
		"event handled":            {true, time.Hour},
		"event handled, day later": {true, 30 * time.Hour},
		"event not handled yet":    {false, time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			eachEngine(t, func(b *bench) {
				p := b.Plan(nil)
				for range 10 {
					_ = b.PayFirst(p, neverFunds) // declined, and the tenth time canceled
				}
				if tc.heard {
					b.Settle()
					require.Empty(b.t, b.Charge(p.Plan.ID, 1).PaymentIntent)
				}
				b.SetNow(b.Now().Add(tc.wait))
				again := b.Plan(nil)
				require.True(b.t, again.Replayed)
				require.NotEqual(b.t, p.FirstPayment.ID, again.FirstPayment.ID)
				require.Equal(b.t, again.FirstPayment.ID, b.Plan(nil).FirstPayment.ID, "the same request again")
				b.Settle()
				require.NoError(b.t, b.PayFirst(again, good))
				b.Settle()
				d := b.Details(p.Plan.ID)
				require.Equal(b.t, billing.PlanActive, d.Plan.Status)
				require.Equal(b.t, again.FirstPayment.ID, d.Charges[0].PaymentIntent)
			})
		})
	}
}

func TestCheckout_ServerErrorKeptUnderTheKey(t *testing.T) {
	for _, action := range []stripesim.FaultAction{stripesim.ActionServerError, stripesim.ActionServerErrorExecuted} {
		t.Run(string(action), func(t *testing.T) {
			eachEngine(t, func(b *bench) {
				require.NoError(b.t, b.Sim.AddFault(stripesim.FaultRule{Action: action, Method: "POST", Path: "/v1/payment_intents", Count: 1}))
				_, err := b.Planner.Create(b.t.Context(), planning.Request{Terms: b.Terms(nil)})
				require.ErrorIs(b.t, err, billing.ErrUnavailable)
				again, err := b.Planner.Create(b.t.Context(), planning.Request{Terms: b.Terms(nil)})
				require.NoError(b.t, err)
				require.NoError(b.t, b.PayFirst(again, good))
				b.Settle()
				require.Equal(b.t, billing.PlanActive, b.Details(again.Plan.ID).Plan.Status)
			})
		})
	}
}
