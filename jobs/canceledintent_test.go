package jobs_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/jobs"
)

// canceledAs shows one PaymentIntent as canceled for a given reason.
type canceledAs struct {
	billing.Gateway
	id, reason string
}

// PaymentIntent fetches a PaymentIntent, and shows the given one as canceled.
func (g *canceledAs) PaymentIntent(ctx context.Context, id string) (billing.PaymentIntent, error) {
	pi, err := g.Gateway.PaymentIntent(ctx, id)
	return g.shown(pi), err
}

// FindPaymentIntent searches a list that shows the given PaymentIntent as canceled.
func (g *canceledAs) FindPaymentIntent(
	ctx context.Context, customer string, since time.Time, match func(billing.PaymentIntent) bool,
) (billing.PaymentIntent, error) {
	pi, err := g.Gateway.FindPaymentIntent(ctx, customer, since, func(pi billing.PaymentIntent) bool { return match(g.shown(pi)) })
	return g.shown(pi), err
}

func (g *canceledAs) shown(pi billing.PaymentIntent) billing.PaymentIntent {
	if pi.ID == g.id {
		pi.Status, pi.CancellationReason = billing.IntentCanceled, g.reason
	}
	return pi
}

func TestPaymentIntentCanceled_ByWhom(t *testing.T) {
	for reason, owed := range map[string]bool{
		"automatic": true, "expired": true, "": false, "abandoned": false, "duplicate": false, "requested_by_customer": false,
	} {
		t.Run("reason "+reason, func(t *testing.T) {
			eachEngine(t, func(b *bench) {
				p := b.Started(thenNoFunds, nil)
				b.SetNow(b.Charge(p.Plan.ID, 2).DueAt)
				b.Settle()
				c := b.Charge(p.Plan.ID, 2)
				b.Gateway.Gateway = &canceledAs{b.Gateway.Gateway, c.PaymentIntent, reason}
				b.hear("evt_x", "payment_intent.canceled", c.PaymentIntent)
				b.Settle()
				require.Equal(b.t, owed, b.Charge(p.Plan.ID, 2).Status != billing.ChargeCanceled)
				require.Equal(b.t, owed, b.Charge(p.Plan.ID, 2).PaymentIntent == "")
				require.Equal(b.t, owed, !b.Charge(p.Plan.ID, 2).NextAttemptAt.IsZero(), "tried again, or at rest")
			})
		})
	}
}

func TestPaymentIntentCanceled_LateNews(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.Started(thenNoFunds, nil)
		b.SetNow(b.Charge(p.Plan.ID, 2).DueAt)
		b.Settle()
		old := b.Charge(p.Plan.ID, 2).PaymentIntent
		b.Gateway.Gateway = &canceledAs{b.Gateway.Gateway, old, "automatic"}
		for i := range 20 {
			b.hear(fmt.Sprintf("evt_early_%d", i), "payment_intent.canceled", old)
		}
		b.Settle()
		require.Empty(b.t, b.Charge(p.Plan.ID, 2).PaymentIntent)
		require.Equal(b.t, 1, b.audited(p.Plan.ID, "charge.payment_intent_replaced"))

		b.SetNow(b.Charge(p.Plan.ID, 2).NextAttemptAt)
		b.Settle()
		c := b.Charge(p.Plan.ID, 2)
		require.NotContains(b.t, []string{"", old}, c.PaymentIntent)
		for i := range 20 {
			b.hear(fmt.Sprintf("evt_late_%d", i), "payment_intent.canceled", old)
		}
		b.Settle()
		require.Equal(b.t, c, b.Charge(p.Plan.ID, 2))
		require.Equal(b.t, 1, b.audited(p.Plan.ID, "charge.payment_intent_replaced"))
	})
}

// TestPaymentIntentCanceled_ReplacedSinceItWasLookedUp gives the charge another PaymentIntent
// between the look-up of the old one and the lock.
func TestPaymentIntentCanceled_ReplacedSinceItWasLookedUp(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.Started(thenNoFunds, nil)
		b.SetNow(b.Charge(p.Plan.ID, 2).DueAt)
		b.Settle()
		old := b.Charge(p.Plan.ID, 2).PaymentIntent
		b.Gateway.Gateway = &canceledAs{b.Gateway.Gateway, old, "automatic"}
		b.With(func(c *jobs.Config) {
			c.Store = &beforeUpdate{b.Store, func() {
				require.NoError(b.t, b.Store.Update(b.t.Context(), func(tx billing.Tx) error {
					c := b.Charge(p.Plan.ID, 2)
					c.PaymentIntent = "pi_new"
					return tx.UpdateCharge(b.t.Context(), c)
				}))
			}}
		})
		b.hear("evt_x", "payment_intent.canceled", old)
		b.hearAll()
		require.Equal(b.t, "pi_new", b.Charge(p.Plan.ID, 2).PaymentIntent)
	})
}

// beforeUpdate runs a function before the next transaction on a plan.
type beforeUpdate struct {
	billing.Store
	do func()
}

// Update runs the function, and then the transaction.
func (s *beforeUpdate) Update(ctx context.Context, fn func(tx billing.Tx) error) error {
	if do := s.do; do != nil {
		s.do = nil
		do()
	}
	return s.Store.Update(ctx, fn)
}

func TestVoidOrReplace_PaidAnotherAmount(t *testing.T) {
	for name, stop := range map[string]func(b *bench, plan billing.PlanID){
		"plan canceled": func(b *bench, plan billing.PlanID) {
			_, err := b.Operator().Cancel(b.t.Context(), plan, "")
			require.NoError(b.t, err)
		},
		"PaymentIntent to be replaced": func(b *bench, plan billing.PlanID) {
			b.otherStripeCustomer(plan)
			b.SetNow(b.Charge(plan, 2).NextAttemptAt)
		},
	} {
		t.Run(name, func(t *testing.T) {
			eachEngine(t, func(b *bench) {
				plan := b.failedOnce("insufficient_funds", nil)
				c := b.Charge(plan, 2)
				secret := b.secretOf(c)
				stop(b, plan)
				b.post("/v1/payment_intents/"+c.PaymentIntent, "amount", "99")
				require.NoError(b.t, b.Pay(secret, withCard(otherCard)))
				b.Arrived()
				b.RunDue()
				got := b.Charge(plan, 2)
				require.NotEqual(b.t, billing.ChargeSucceeded, got.Status, "%d was owed and 99 paid", c.Amount)
				require.Zero(b.t, got.NextAttemptAt)
				require.Contains(b.t, got.Reason, "changed at Stripe")
				require.Equal(b.t, 1, b.audited(plan, "charge.amount_differs"))
				b.SetNow(b.Now().Add(time.Hour))
				require.Zero(b.t, b.RunDue())
			})
		})
	}
}
