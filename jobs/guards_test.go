package jobs_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
)

// Each test here fails if one guard against a wrong charge is removed.

// late holds back requests that create or confirm a PaymentIntent, as a network may: the caller
// gets no answer, and deliver sends the requests later.
type late struct {
	billing.Gateway
	held []func(context.Context) (billing.PaymentIntent, error)
	hold bool
}

// CreatePaymentIntent holds the call back.
func (g *late) CreatePaymentIntent(ctx context.Context, key string, p billing.PaymentParams) (billing.PaymentIntent, error) {
	return g.pass(ctx, func(ctx context.Context) (billing.PaymentIntent, error) {
		return g.Gateway.CreatePaymentIntent(ctx, key, p)
	})
}

// ConfirmPaymentIntent holds the call back.
func (g *late) ConfirmPaymentIntent(ctx context.Context, key string, p billing.PaymentParams) (billing.PaymentIntent, error) {
	return g.pass(ctx, func(ctx context.Context) (billing.PaymentIntent, error) {
		return g.Gateway.ConfirmPaymentIntent(ctx, key, p)
	})
}

func (g *late) pass(ctx context.Context, call func(context.Context) (billing.PaymentIntent, error)) (billing.PaymentIntent, error) {
	if !g.hold {
		return call(ctx)
	}
	g.held = append(g.held, call)
	return billing.PaymentIntent{}, lost
}

// deliver lets the calls reach Stripe; their answers are lost.
func (g *late) deliver(ctx context.Context) {
	for _, call := range g.held {
		_, _ = call(ctx)
	}
	g.held = nil
}

// hold holds back requests from now on.
func (b *bench) hold() *late {
	g := &late{Gateway: b.Gateway.Gateway, hold: true}
	b.Gateway.Gateway = g
	return g
}

// seenBefore: the PaymentIntent still shows the decline of the previous attempt.
func TestLookUp_OldDecline(t *testing.T) {
	eachEngine(t, func(b *bench) {
		plan := b.startedWith(declinesLater("insufficient_funds", "sim_decline_count", "1"), nil)
		b.SetNow(b.Charge(plan, 2).DueAt)
		b.Settle()
		b.SetNow(b.Charge(plan, 2).NextAttemptAt)
		g := b.hold()
		b.Settle()
		require.Len(b.t, g.held, 1)
		g.hold = false
		told := len(b.Notices(plan))
		b.SetNow(b.Now().Add(30 * time.Hour)) // the key is forgotten, and the request never reached Stripe
		b.Settle()
		c := b.Charge(plan, 2)
		attempts := b.Details(plan).Attempts[c.ID]
		require.Len(b.t, attempts, 3)
		require.Equal(b.t, billing.OutcomeError, attempts[1].Outcome, "no card was charged")
		require.Equal(b.t, billing.ChargeSucceeded, c.Status, "tried again at once")
		require.Len(b.t, b.Notices(plan), told+1, "the receipt, and no second decline")
	})
}

// tookMoneyAfterAll: an attempt was recorded as failed while its call was in flight.
func TestRecord_PaidAfterItWasClosed(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.Started(good, nil)
		task := b.claimed(p)
		b.Gateway.After = func(pi billing.PaymentIntent, err error) (billing.PaymentIntent, error) {
			b.Gateway.After = nil
			require.NoError(b.t, b.Store.Update(b.t.Context(), func(tx billing.Tx) error {
				attempts, err := tx.Attempts(b.t.Context(), task.ChargeID)
				require.NoError(b.t, err)
				attempts[0].Outcome, attempts[0].FinishedAt = billing.OutcomeError, b.Now()
				return tx.UpdateAttempt(b.t.Context(), attempts[0])
			}))
			return pi, err
		}
		b.Do(collectTask(string(task.ChargeID), task.Lease))
		d := b.Details(p.Plan.ID)
		require.Equal(b.t, billing.ChargeSucceeded, d.Charges[1].Status, "before any event is heard")
		require.Equal(b.t, billing.OutcomeSucceeded, d.Attempts[task.ChargeID][0].Outcome)
	})
}

// notCanceled: no second PaymentIntent while the first may still be paid.
func TestReplace_NotSeenCanceled(t *testing.T) {
	eachEngine(t, func(b *bench) {
		plan := b.failedOnce("insufficient_funds", nil)
		old := b.Charge(plan, 2).PaymentIntent
		b.otherStripeCustomer(plan)
		working := b.Gateway.Gateway
		b.Gateway.Gateway = &noCancel{working}
		b.SetNow(b.Charge(plan, 2).NextAttemptAt)
		for range 5 {
			b.TakeIn(b.Arrived()...)
			b.RunDue() // once: without the guard it never ends
			b.SetNow(b.Now().Add(5 * time.Minute))
		}
		require.Equal(b.t, old, b.Charge(plan, 2).PaymentIntent)
		require.Len(b.t, b.Intents(), 2, "of charges 1 and 2")
		b.Gateway.Gateway = working
		b.Settle()
		require.Equal(b.t, billing.ChargeSucceeded, b.Charge(plan, 2).Status)
	})
}

// A PaymentIntent that is to be replaced is found paid: its payment counts before its event comes.
func TestReplace_PaidMeanwhile(t *testing.T) {
	eachEngine(t, func(b *bench) {
		plan := b.failedOnce("insufficient_funds", nil)
		c := b.Charge(plan, 2)
		secret := b.secretOf(c)
		b.otherStripeCustomer(plan)
		b.SetNow(c.NextAttemptAt)
		b.Gateway.BeforeCancel = func() {
			b.Gateway.BeforeCancel = nil
			require.NoError(b.t, b.Pay(secret, withCard(otherCard)))
		}
		b.RunDue()
		require.Equal(b.t, billing.ChargeSucceeded, b.Charge(plan, 2).Status, "before its event is heard")
		require.Equal(b.t, c.PaymentIntent, b.Charge(plan, 2).PaymentIntent)
	})
}

// A request that Stripe has no trace of yet may still be in flight.
func TestLookUp_StillOnItsWay(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.Started(good, nil)
		b.SetNow(b.Charge(p.Plan.ID, 2).DueAt)
		g := b.hold()
		b.Settle()
		_, err := b.Operator().Pause(b.t.Context(), p.Plan.ID, "") // so it is looked up, not sent again
		require.NoError(b.t, err)
		b.SetNow(b.Now().Add(30 * time.Second))
		b.Settle()
		id := b.Charge(p.Plan.ID, 2).ID
		require.Equal(b.t, billing.OutcomeUnknown, b.Details(p.Plan.ID).Attempts[id][0].Outcome)
		g.deliver(b.OnAccount())
		b.Arrived() // its event is lost
		b.SetNow(b.Now().Add(5 * time.Minute))
		b.Settle()
		require.Equal(b.t, billing.OutcomeSucceeded, b.Details(p.Plan.ID).Attempts[id][0].Outcome)
		require.Equal(b.t, billing.ChargeSucceeded, b.Charge(p.Plan.ID, 2).Status)
	})
}

// intentOf: a request that never arrived is looked up while Stripe has another payment of the
// customer.
func TestLookUp_PaymentOfAnotherAttempt(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.Started(good, nil)
		b.SetNow(b.Charge(p.Plan.ID, 2).DueAt)
		b.Settle()
		b.SetNow(b.Charge(p.Plan.ID, 3).DueAt)
		g := b.hold()
		b.RunDue()
		require.Len(b.t, g.held, 1)
		g.hold = false
		b.SetNow(b.Now().Add(30 * time.Hour)) // the key is forgotten
		b.Settle()
		c := b.Charge(p.Plan.ID, 3)
		attempts := b.Details(p.Plan.ID).Attempts[c.ID]
		require.Len(b.t, attempts, 2)
		require.Equal(b.t, billing.OutcomeError, attempts[0].Outcome)
		require.Empty(b.t, attempts[0].PaymentIntent)
		b.paidOnce(p.Plan.ID, 2, 3)
	})
}

// A decline whose answer does not name the PaymentIntent: the retry confirms the same one.
func TestDecline_PaymentIntentNotNamed(t *testing.T) {
	eachEngine(t, func(b *bench) {
		plan := b.startedWith(declinesLater("insufficient_funds", "sim_decline_count", "1"), nil)
		b.SetNow(b.Charge(plan, 2).DueAt)
		b.Gateway.After = func(pi billing.PaymentIntent, err error) (billing.PaymentIntent, error) {
			b.Gateway.After = nil
			ge, ok := err.(*billing.GatewayError) //nolint:errorlint // the gateway's own error, not wrapped
			require.True(b.t, ok)
			ge.PaymentIntent = nil
			return pi, ge
		}
		b.RunDue()
		b.Arrived() // the decline's event is lost
		require.NotEmpty(b.t, b.Charge(plan, 2).PaymentIntent)
		b.SetNow(b.Charge(plan, 2).NextAttemptAt)
		b.Settle()
		require.Equal(b.t, billing.ChargeSucceeded, b.Charge(plan, 2).Status)
		require.Len(b.t, b.Intents(), 2, "of charges 1 and 2")
	})
}
