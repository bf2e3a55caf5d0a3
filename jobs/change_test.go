package jobs_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/operator"
	"tranche/internal/planning"
	"tranche/internal/reconcile"
	"tranche/internal/stripesim"
)

// declinedOnce is a plan whose second charge was declined when it fell due.
func (b *bench) declinedOnce() planning.Created {
	b.t.Helper()
	p := b.Started(thenNoFunds, nil)
	b.SetNow(b.Charge(p.Plan.ID, 2).DueAt)
	b.Settle()
	require.Equal(b.t, "requires_payment_method", b.intentOf(b.Charge(p.Plan.ID, 2)).Status)
	return p
}

// agreesWithStripe compares both records, as the daily reconciliation does.
func (b *bench) agreesWithStripe() {
	b.t.Helper()
	var found []reconcile.Finding
	_, err := reconcile.Run(b.t.Context(), b.record(), b.ledger(), reconcile.Options{
		From: start.Add(-day), To: b.Now().Add(400 * day), Now: b.Now, DryRun: true,
		Found: func(f reconcile.Finding) error { found = append(found, f); return nil },
	})
	require.NoError(b.t, err)
	require.Empty(b.t, found)
}

func TestPayingAllEarlyTakesTheRestAtOnce(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.Started(good, nil)
		r, err := b.Operator().PayAll(b.t.Context(), p.Plan.ID, 5000)
		require.NoError(b.t, err)
		require.EqualValues(b.t, 95003, r.Plan.Total)
		b.Settle()
		d := b.Details(p.Plan.ID)
		require.Equal(b.t, billing.PlanCompleted, d.Plan.Status)
		count, sum := b.Succeeded()
		require.Equal(b.t, 2, count)
		require.EqualValues(b.t, 95003, sum)
		b.Advance(120)
		count, _ = b.Succeeded()
		require.Equal(b.t, 2, count, "a replaced charge is not made")
		b.agreesWithStripe()
	})
}

func TestPayingOneEarlyTakesItAtOnce(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.Started(good, nil)
		_, err := b.Operator().Pay(b.t.Context(), b.Charge(p.Plan.ID, 3).ID)
		var refused *operator.RefusedError
		require.ErrorAs(b.t, err, &refused, "the one before it is not due")
		for _, n := range []int{2, 3} {
			_, err := b.Operator().Pay(b.t.Context(), b.Charge(p.Plan.ID, n).ID)
			require.NoError(b.t, err)
		}
		b.Settle()
		b.SetNow(b.Now().Add(5 * time.Second)) // they are made in order, and the second may have been claimed first
		b.Settle()
		count, _ := b.Succeeded()
		require.Equal(b.t, 3, count)
		b.Advance(120)
		require.Equal(b.t, billing.PlanCompleted, b.Details(p.Plan.ID).Plan.Status)
		count, sum := b.Succeeded()
		require.Equal(b.t, 4, count)
		require.EqualValues(b.t, 100003, sum)
	})
}

func TestWhatWasPaidOutsideIsNotCollectedAndNotMissed(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.declinedOnce()
		tried, never := b.Charge(p.Plan.ID, 2), b.Charge(p.Plan.ID, 3)
		for _, c := range []billing.Charge{tried, never} {
			_, err := b.Operator().PaidOutside(b.t.Context(), c.ID, "in cash")
			require.NoError(b.t, err)
		}
		b.Settle()
		c := b.Charge(p.Plan.ID, 2)
		require.Equal(b.t, billing.ChargeSucceeded, c.Status)
		require.True(b.t, c.PaidOutside)
		require.Zero(b.t, c.NextAttemptAt)
		require.Equal(b.t, "canceled", b.intentOf(c).Status, "the customer can't pay it again")
		b.Advance(40)
		count, _ := b.Succeeded()
		require.Equal(b.t, 1, count)
		b.agreesWithStripe()
	})
}

func TestWhoPaysAtStripeToo(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.declinedOnce()
		c := b.Charge(p.Plan.ID, 2)
		_, err := b.Operator().PaidOutside(b.t.Context(), c.ID, "in cash")
		require.NoError(b.t, err)
		require.NoError(b.t, b.Pay(b.secretOf(c), stripesim.PaymentDetails{Card: &stripesim.Card{Number: otherCard}}))
		b.Arrived() // lost: the refund is the first event about it
		b.post("/v1/refunds", "payment_intent", c.PaymentIntent, "amount", "100")
		b.hearAll()
		c = b.Charge(p.Plan.ID, 2)
		require.EqualValues(b.t, 100, c.AmountRefunded)
		b.Settle()
		c = b.Charge(p.Plan.ID, 2)
		require.False(b.t, c.PaidOutside)
		require.Zero(b.t, c.NextAttemptAt)
		require.Equal(b.t, 1, b.audited(p.Plan.ID, "charge.paid_twice"))
	})
}

// audited counts the audit entries of an action.
func (b *bench) audited(id billing.PlanID, action string) (n int) {
	b.t.Helper()
	trail, err := billing.WholeTrail(b.t.Context(), b.Store, id)
	require.NoError(b.t, err)
	for _, e := range trail {
		if e.Action == action {
			n++
		}
	}
	return n
}

func TestWhoPaysInTheMomentOfASkipIsCountedAgain(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.declinedOnce()
		c := b.Charge(p.Plan.ID, 2)
		r, err := b.Operator().Skip(b.t.Context(), c.ID, "goodwill")
		require.NoError(b.t, err)
		require.Equal(b.t, p.Plan.Total-c.Amount, r.Plan.Total)
		require.NoError(b.t, b.Pay(b.secretOf(c), stripesim.PaymentDetails{Card: &stripesim.Card{Number: otherCard}}))
		b.Settle()
		d := b.Details(p.Plan.ID)
		require.Equal(b.t, billing.ChargeSucceeded, d.Charges[1].Status)
		require.Equal(b.t, p.Plan.Total, d.Plan.Total)
		require.Equal(b.t, billing.SumOf(d.Charges), d.Plan.Total)
		versions, err := billing.PlanVersions(b.t.Context(), b.Store, p.Plan.ID)
		require.NoError(b.t, err)
		require.Len(b.t, versions, 3, "agreed, skipped, counted again")
		require.JSONEq(b.t, string(versions[0].Charges), string(versions[2].Charges))
	})
}

func TestASkippedChargeThatWasTriedIsCanceledAtStripe(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.declinedOnce()
		c := b.Charge(p.Plan.ID, 2)
		_, err := b.Operator().Skip(b.t.Context(), c.ID, "")
		require.NoError(b.t, err)
		b.Settle()
		require.Equal(b.t, "canceled", b.intentOf(c).Status)
		require.Equal(b.t, billing.PlanActive, b.Details(p.Plan.ID).Plan.Status)
	})
}

func TestWhatIsUnderWayIsNotChanged(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.Started(good, nil)
		task := b.claimed(p)
		b.Gateway.Before = func() {
			b.Gateway.Before = nil
			before := b.Charge(p.Plan.ID, 2)
			for name, change := range map[string]func() error{
				"skip":    func() error { _, err := b.Operator().Skip(b.t.Context(), before.ID, ""); return err },
				"pay all": func() error { _, err := b.Operator().PayAll(b.t.Context(), p.Plan.ID, 0); return err },
				"remaining": func() error {
					_, err := b.Operator().SetRemaining(b.t.Context(), p.Plan.ID, 90000)
					return err
				},
				"outside": func() error {
					_, err := b.Operator().PaidOutside(b.t.Context(), before.ID, "")
					return err
				},
				"refund": func() error {
					_, err := b.Operator().CancelAndRefund(b.t.Context(), p.Plan.ID, "")
					return err
				},
			} {
				var refused *operator.RefusedError
				require.ErrorAs(b.t, change(), &refused, name)
			}
			require.Equal(b.t, before, b.Charge(p.Plan.ID, 2))
		}
		b.Do(collectTask(string(task.ChargeID), task.Lease))
		require.Equal(b.t, billing.ChargeSucceeded, b.Charge(p.Plan.ID, 2).Status)
	})
}

func TestCancelWithRefundGivesBackWhatWasPaid(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.Started(good, nil)
		b.post("/v1/refunds", "payment_intent", p.FirstPayment.ID, "amount", "100")
		b.Settle()
		b.SetNow(b.Charge(p.Plan.ID, 2).DueAt)
		b.Settle()
		_, err := b.Operator().CancelAndRefund(b.t.Context(), p.Plan.ID, "sent back")
		require.NoError(b.t, err)
		b.Settle()
		d := b.Details(p.Plan.ID)
		require.Equal(b.t, billing.PlanCanceled, d.Plan.Status)
		for _, c := range d.Charges[:2] {
			require.Equal(b.t, billing.ChargeRefunded, c.Status)
			require.Equal(b.t, c.Amount, c.AmountRefunded)
			require.Zero(b.t, c.NextAttemptAt)
		}
		require.Equal(b.t, 2, b.audited(p.Plan.ID, "charge.refund_made"))
		b.agreesWithStripe()
	})
}

// dyingRefund dies before or after a refund is made at Stripe.
type dyingRefund struct {
	billing.Gateway
	left  int
	after bool
	calls int
}

// CreateRefund makes the refund and dies, or dies before.
func (g *dyingRefund) CreateRefund(ctx context.Context, key string, p billing.RefundParams) (billing.StripeRefund, error) {
	if g.left > 0 && !g.after {
		g.left--
		panic(killed{})
	}
	g.calls++
	r, err := g.Gateway.CreateRefund(ctx, key, p)
	if g.left > 0 {
		g.left--
		panic(killed{})
	}
	return r, err
}

func TestAWorkerKilledWhileRefundingGivesTheMoneyBackOnce(t *testing.T) {
	for name, after := range map[string]bool{"before the call": false, "after the call": true} {
		for life, wait := range map[string]time.Duration{"within the key's life": 2 * time.Minute, "after the key's life": 30 * time.Hour} {
			t.Run(name+", "+life, func(t *testing.T) {
				eachEngine(t, func(b *bench) {
					p := b.Started(good, nil)
					_, err := b.Operator().CancelAndRefund(b.t.Context(), p.Plan.ID, "")
					require.NoError(b.t, err)
					gateway := &dyingRefund{Gateway: b.Gateway.Gateway, left: 1, after: after}
					b.Gateway.Gateway = gateway
					dying(b.t, func() { b.RunDue() })
					require.NotZero(b.t, b.Charge(p.Plan.ID, 1).NextAttemptAt, "it is resumed")
					if after {
						b.hearAll() // events about the refund come before its answer
					}
					b.Worker = b.NewWorker()
					b.SetNow(b.Now().Add(wait))
					b.Settle()
					c := b.Charge(p.Plan.ID, 1)
					require.Equal(b.t, billing.ChargeRefunded, c.Status)
					require.Equal(b.t, c.Amount, c.AmountRefunded)
					require.Zero(b.t, c.NextAttemptAt)
					refunds, err := b.Store.Refunds(b.t.Context(), c.ID)
					require.NoError(b.t, err)
					require.Len(b.t, refunds, 1)
					require.Equal(b.t, billing.RefundMade, refunds[0].Status)
					require.Equal(b.t, 1, b.audited(p.Plan.ID, "charge.refund_made"))
					payment, err := b.Gateway.Payment(b.OnAccount(), c.PaymentIntent)
					require.NoError(b.t, err)
					require.Equal(b.t, c.Amount, payment.AmountRefunded)
				})
			})
		}
	}
}

func TestARefundThatStripeRefusesIsSaid(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.Started(good, nil)
		_, err := b.Operator().CancelAndRefund(b.t.Context(), p.Plan.ID, "")
		require.NoError(b.t, err)
		_, err = b.Sim.Dispute(p.FirstPayment.ID, "fraudulent") // before the worker runs
		require.NoError(b.t, err)
		b.Settle()
		c := b.Charge(p.Plan.ID, 1)
		require.Zero(b.t, c.NextAttemptAt)
		require.Equal(b.t, 1, b.audited(p.Plan.ID, "charge.refund_failed"))
		require.Equal(b.t, billing.ChargeDisputed, c.Status)
	})
}

func TestADefaultedPlanIsRestarted(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.declinedOnce()
		require.NoError(b.t, b.Store.Update(b.t.Context(), func(tx billing.Tx) error {
			plan, err := tx.LockPlan(b.t.Context(), p.Plan.ID)
			require.NoError(b.t, err)
			plan.Status = billing.PlanDefaulted
			return tx.UpdatePlan(b.t.Context(), plan)
		}))
		b.newCard(p.Plan.ID, good)
		b.Settle()
		_, err := b.Operator().Restart(b.t.Context(), p.Plan.ID, "")
		require.NoError(b.t, err)
		b.Settle()
		require.Equal(b.t, billing.PlanActive, b.Details(p.Plan.ID).Plan.Status)
		require.Equal(b.t, billing.ChargeSucceeded, b.Charge(p.Plan.ID, 2).Status)
	})
}
