package jobs_test

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/operator"
	"tranche/internal/planning"
	"tranche/internal/stripesim"
	"tranche/internal/task"
	"tranche/internal/terms"
	"tranche/internal/testbench"
)

// stops lists everything that stops a plan. Each beats a task that is already queued.
func stops() map[string]func(b *bench, p planning.Created) {
	return map[string]func(b *bench, p planning.Created){
		"paused": func(b *bench, p planning.Created) {
			_, err := b.Operator().Pause(b.t.Context(), p.Plan.ID, "asked by phone")
			require.NoError(b.t, err)
		},
		"canceled": func(b *bench, p planning.Created) {
			_, err := b.Operator().Cancel(b.t.Context(), p.Plan.ID, "sent back")
			require.NoError(b.t, err)
		},
		"refunded": func(b *bench, p planning.Created) {
			b.post("/v1/refunds", "payment_intent", p.FirstPayment.ID)
			b.hearAll()
		},
		"disputed": func(b *bench, p planning.Created) {
			_, err := b.Sim.Dispute(p.FirstPayment.ID, "fraudulent")
			require.NoError(b.t, err)
			b.hearAll()
		},
		"card detached": func(b *bench, p planning.Created) {
			card, err := b.Store.Card(b.t.Context(), b.Details(p.Plan.ID).Plan.CardID)
			require.NoError(b.t, err)
			b.post("/v1/payment_methods/" + card.PaymentMethod + "/detach")
			b.hearAll()
		},
	}
}

// hearAll stores the webhooks that arrived and handles the events, and nothing else.
func (b *bench) hearAll() {
	b.t.Helper()
	b.TakeIn(b.Arrived()...)
	events, err := b.Store.ClaimEvents(b.t.Context(), b.Now(), b.Now().Add(time.Minute), 100)
	require.NoError(b.t, err)
	for _, c := range events {
		b.Do(task.ForEvent(c))
	}
}

// claimed claims the second charge of a plan at its due time, as a scheduler does, and returns the
// claim that it enqueues.
func (b *bench) claimed(p planning.Created) billing.Claim {
	b.t.Helper()
	b.SetNow(b.Charge(p.Plan.ID, 2).DueAt)
	claims, err := b.Store.ClaimCharges(b.t.Context(), b.Now(), b.Now().Add(time.Minute), 100)
	require.NoError(b.t, err)
	require.Len(b.t, claims, 1)
	return claims[0]
}

func TestEveryStopBeatsATaskThatIsQueuedAlready(t *testing.T) {
	for name, stop := range stops() {
		t.Run(name, func(t *testing.T) {
			eachEngine(t, func(b *bench) {
				p := b.Started(good, nil)
				task := b.claimed(p)
				stop(b, p)
				b.Gateway.Calls = 0
				b.Do(collectTask(string(task.ChargeID), task.Lease))
				b.Advance(70) // the later charges fall due too
				require.Zero(b.t, b.Gateway.Calls, "Stripe was asked to charge")
				count, _ := b.Succeeded()
				require.Equal(b.t, 1, count)
			})
		})
	}
}

func TestAStopDuringTheCallRecordsWhatCameOfIt(t *testing.T) {
	for name, want := range map[string]billing.PlanStatus{"paused": billing.PlanPaused, "canceled": billing.PlanCanceled} {
		t.Run(name, func(t *testing.T) {
			eachEngine(t, func(b *bench) {
				p := b.Started(good, nil)
				task := b.claimed(p)
				b.Gateway.Before = func() { b.Gateway.Before = nil; stops()[name](b, p) }
				b.Do(collectTask(string(task.ChargeID), task.Lease))
				b.Advance(70)
				d := b.Details(p.Plan.ID)
				require.Equal(b.t, want, d.Plan.Status)
				require.Equal(b.t, billing.ChargeSucceeded, d.Charges[1].Status, "the money was taken, and that is said")
				count, _ := b.Succeeded()
				require.Equal(b.t, 2, count)
			})
		})
	}
}

func TestADeclineOfACanceledPlanIsNotChased(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.Started(thenNoFunds, nil)
		task := b.claimed(p)
		b.Gateway.Before = func() { b.Gateway.Before = nil; stops()["canceled"](b, p) }
		b.Do(collectTask(string(task.ChargeID), task.Lease))
		b.Settle()
		d := b.Details(p.Plan.ID)
		require.Equal(b.t, billing.ChargeCanceled, d.Charges[1].Status)
		require.Zero(b.t, d.Charges[1].NextAttemptAt)
		require.Equal(b.t, []billing.NoticeKind{billing.NoticePaymentSucceeded, billing.NoticePlanCanceled}, b.Notices(p.Plan.ID), "of the first payment, and of the end")
		require.Equal(b.t, "canceled", b.intentOf(d.Charges[1]).Status, "the customer can't pay it any more")
	})
}

// intentOf returns the PaymentIntent of a charge at the simulator.
func (b *bench) intentOf(c billing.Charge) testbench.Intent {
	b.t.Helper()
	all := b.Intents()
	i := slices.IndexFunc(all, func(pi testbench.Intent) bool { return pi.ID == c.PaymentIntent })
	require.GreaterOrEqual(b.t, i, 0)
	return all[i]
}

func TestAnOpenPaymentIsCanceledAtStripeWithItsPlan(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.Started(thenNoFunds, nil)
		b.SetNow(b.Charge(p.Plan.ID, 2).DueAt)
		b.Settle()
		require.Equal(b.t, "requires_payment_method", b.intentOf(b.Charge(p.Plan.ID, 2)).Status)
		stops()["canceled"](b, p)
		failing := b.Gateway.Gateway
		b.Gateway.Gateway = &noCancel{Gateway: failing}
		b.RunDue()
		require.Contains(b.t, b.Charge(p.Plan.ID, 2).Reason, "not canceled at Stripe yet")
		b.Gateway.Gateway = failing
		b.SetNow(b.Now().Add(5 * time.Minute))
		b.Settle()
		c := b.Charge(p.Plan.ID, 2)
		require.Equal(b.t, "canceled", b.intentOf(c).Status)
		require.Zero(b.t, c.NextAttemptAt)
		unpaid := b.Plan(func(t *terms.Terms) { t.Reference = "never-paid" })
		stops()["canceled"](b, unpaid)
		b.Settle()
		require.Error(b.t, b.PayFirst(unpaid, good), "a checkout that is still open")
	})
}

// noCancel is a gateway whose cancellations fail.
type noCancel struct{ billing.Gateway }

// CancelPaymentIntent gets no answer.
func (noCancel) CancelPaymentIntent(context.Context, string, string) (billing.PaymentIntent, error) {
	return billing.PaymentIntent{}, lost
}

func TestWhoPaysInTheMomentOfTheCancellationIsRecordedOnce(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.Started(thenNoFunds, nil)
		b.SetNow(b.Charge(p.Plan.ID, 2).DueAt)
		b.Settle()
		c := b.Charge(p.Plan.ID, 2)
		stops()["canceled"](b, p)
		require.NoError(b.t, b.Pay(b.secretOf(c), stripesim.PaymentDetails{Card: &stripesim.Card{Number: otherCard}}))
		b.RunDue() // the cancellation is too late, and the webhook has not arrived yet
		require.Equal(b.t, billing.ChargeSucceeded, b.Charge(p.Plan.ID, 2).Status)
		b.Settle()
		d := b.Details(p.Plan.ID)
		require.Equal(b.t, billing.PlanCanceled, d.Plan.Status)
		require.Len(b.t, d.Attempts[c.ID], 2, "the decline, and the customer's payment")
	})
}

// secretOf fetches the client secret of a charge's PaymentIntent, as a page does.
func (b *bench) secretOf(c billing.Charge) billing.Secret {
	b.t.Helper()
	pi, err := b.Gateway.PaymentIntent(b.OnAccount(), c.PaymentIntent)
	require.NoError(b.t, err)
	return pi.ClientSecret
}

func TestResume(t *testing.T) {
	for name, tc := range map[string]struct {
		how  operator.Resumption
		days int // how many days later the first remaining date is
		paid int // charges paid at once
	}{
		"catching up": {operator.CatchUp, 0, 1},
		"shifted":     {operator.Shift, 40, 0},
	} {
		t.Run(name, func(t *testing.T) {
			eachEngine(t, func(b *bench) {
				p := b.Started(good, nil)
				before := b.Details(p.Plan.ID).Charges
				stops()["paused"](b, p)
				b.Advance(40)
				_, err := b.Operator().Resume(b.t.Context(), p.Plan.ID, tc.how, "")
				require.NoError(b.t, err)
				b.Settle()
				after := b.Details(p.Plan.ID)
				require.Equal(b.t, billing.PlanActive, after.Plan.Status)
				require.Empty(b.t, after.Plan.Reason)
				first := before[1].DueAt.AddDate(0, 0, tc.days)
				for i := range 3 {
					require.WithinDuration(b.t, first.AddDate(0, i, 0), after.Charges[i+1].DueAt, time.Hour, "summer time may begin")
				}
				count, _ := b.Succeeded()
				require.Equal(b.t, 1+tc.paid, count)
				b.Advance(150)
				require.Equal(b.t, billing.PlanCompleted, b.Details(p.Plan.ID).Plan.Status)
				count, sum := b.Succeeded()
				require.Equal(b.t, 4, count)
				require.EqualValues(b.t, 100003, sum)
			})
		})
	}
}

const day = 24 * time.Hour

func TestADeclineBeforeThePauseIsTriedAgainAfterIt(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.Started(thenNoFunds, nil)
		b.SetNow(b.Charge(p.Plan.ID, 2).DueAt)
		b.Settle()
		stops()["paused"](b, p)
		calls := b.Gateway.Calls
		b.Advance(20)
		require.Equal(b.t, calls, b.Gateway.Calls)
		_, err := b.Operator().Resume(b.t.Context(), p.Plan.ID, operator.CatchUp, "")
		require.NoError(b.t, err)
		require.Equal(b.t, billing.PlanPastDue, b.Details(p.Plan.ID).Plan.Status)
		b.Settle()
		require.Equal(b.t, calls+1, b.Gateway.Calls)
	})
}

func TestWhatIsRefusedOfAPlan(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.Started(good, nil)
		ctx, id := b.t.Context(), p.Plan.ID
		refused := func(_ any, err error) {
			b.t.Helper()
			var r *operator.RefusedError
			require.ErrorAs(b.t, err, &r)
		}
		refused(b.Operator().Resume(ctx, id, operator.CatchUp, ""))
		stops()["paused"](b, p)
		refused(b.Operator().Pause(ctx, id, ""))
		stops()["canceled"](b, p)
		refused(b.Operator().Cancel(ctx, id, ""))
		refused(b.Operator().Pause(ctx, id, ""))
		refused(b.Operator().Resume(ctx, id, operator.Shift, ""))
		_, err := b.Operator().Cancel(ctx, "plan_none", "")
		require.ErrorIs(b.t, err, billing.ErrNotFound)
	})
}

func TestRefundsAndDisputesInAnyOrderEndAlike(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.Started(good, nil)
		b.post("/v1/refunds", "payment_intent", p.FirstPayment.ID, "amount", "100")
		b.Settle()
		c := b.Charge(p.Plan.ID, 1)
		require.Equal(b.t, billing.ChargeSucceeded, c.Status)
		require.EqualValues(b.t, 100, c.AmountRefunded)
		require.Equal(b.t, billing.PlanActive, b.Details(p.Plan.ID).Plan.Status, "a partial refund stops nothing")

		dispute, err := b.Sim.Dispute(p.FirstPayment.ID, "fraudulent")
		require.NoError(b.t, err)
		b.Settle()
		require.Equal(b.t, billing.ChargeDisputed, b.Charge(p.Plan.ID, 1).Status)
		require.Equal(b.t, billing.PlanPaused, b.Details(p.Plan.ID).Plan.Status)
		require.Contains(b.t, b.Details(p.Plan.ID).Plan.Reason, "disputed")

		require.NoError(b.t, b.Sim.CloseDispute(dispute, true))
		b.Settle()
		c = b.Charge(p.Plan.ID, 1)
		require.Equal(b.t, billing.ChargeSucceeded, c.Status)
		require.Equal(b.t, billing.DisputeWon, c.DisputeStatus)
		require.Equal(b.t, billing.PlanPaused, b.Details(p.Plan.ID).Plan.Status, "it is for the merchant to go on")

		want := b.Details(p.Plan.ID)
		trail, err := b.Store.AuditTrail(b.t.Context(), billing.AuditFilter{Plan: p.Plan.ID})
		require.NoError(b.t, err)
		for _, e := range b.heard() { // every event once more, in another order
			e.ID += "_again"
			e.Status, e.ClaimAfter = billing.EventPending, b.Now()
			_, err := b.Store.InsertEvents(b.t.Context(), []billing.Event{e})
			require.NoError(b.t, err)
		}
		b.Settle()
		require.Equal(b.t, want, b.Details(p.Plan.ID))
		again, err := b.Store.AuditTrail(b.t.Context(), billing.AuditFilter{Plan: p.Plan.ID})
		require.NoError(b.t, err)
		require.Equal(b.t, trail, again)
	})
}

// heard lists every event of the inbox, shuffled.
func (b *bench) heard() []billing.Event {
	b.t.Helper()
	all, err := b.Store.Events(b.t.Context(), billing.EventFilter{})
	require.NoError(b.t, err)
	for i := range all { // a list contains no bodies
		all[i], err = b.Store.Event(b.t.Context(), all[i].ID)
		require.NoError(b.t, err)
	}
	rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all
}

func TestARefundThatComesBeforeItsPaymentIsFollowed(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.Plan(nil)
		require.NoError(b.t, b.PayFirst(p, good))
		payment := b.Arrived()
		b.post("/v1/refunds", "payment_intent", p.FirstPayment.ID)
		b.Settle()
		d := b.Details(p.Plan.ID)
		require.Equal(b.t, billing.ChargeRefunded, d.Charges[0].Status)
		require.Equal(b.t, billing.PlanPaused, d.Plan.Status)
		b.TakeIn(payment...)
		b.Settle()
		require.Equal(b.t, billing.ChargeRefunded, b.Charge(p.Plan.ID, 1).Status, "the payment's own news comes late")
	})
}

// slowRefund lets the charge change during a call to Stripe, and answers with the previous state.
type slowRefund struct {
	billing.Gateway
	meanwhile func()
}

// Payment fetches the payment, and then lets the charge change.
func (g *slowRefund) Payment(ctx context.Context, id string) (billing.RecordedPayment, error) {
	p, err := g.Gateway.Payment(ctx, id)
	if do := g.meanwhile; do != nil {
		g.meanwhile = nil
		do()
	}
	return p, err
}

func TestAnOldAnswerDoesNotOverwriteANewerOne(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.Started(good, nil)
		b.post("/v1/refunds", "payment_intent", p.FirstPayment.ID, "amount", "100")
		b.Gateway.Gateway = &slowRefund{Gateway: b.Gateway.Gateway, meanwhile: func() {
			b.post("/v1/refunds", "payment_intent", p.FirstPayment.ID)
			b.hearAll()
		}}
		b.Settle()
		require.Equal(b.t, billing.ChargeRefunded, b.Charge(p.Plan.ID, 1).Status)
		require.Equal(b.t, 1, b.audited(p.Plan.ID, "charge.refunded"), "the old answer is never written, not even for a moment")
	})
}

func TestACustomerWhoPaysInTheVeryMomentOfARetryPaysOnce(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.Started(thenNoFunds, nil)
		b.SetNow(b.Charge(p.Plan.ID, 2).DueAt)
		b.Settle()
		b.newCard(p.Plan.ID, good) // so that the retry would succeed too
		b.TakeIn(b.Arrived()...)
		b.hearAll()
		c, err := b.Operator().Retry(b.t.Context(), b.Charge(p.Plan.ID, 2).ID)
		require.NoError(b.t, err)
		secret := b.secretOf(c)
		claims, err := b.Store.ClaimCharges(b.t.Context(), b.Now(), b.Now().Add(time.Minute), 100)
		require.NoError(b.t, err)
		require.Len(b.t, claims, 1)
		var both sync.WaitGroup
		both.Go(func() {
			_, _ = b.Browser.ConfirmCardPayment(b.t.Context(), secret.Reveal(), stripesim.PaymentDetails{Card: &stripesim.Card{Number: otherCard}})
		})
		both.Go(func() { _ = b.Worker.Do(b.t.Context(), collectTask(string(claims[0].ChargeID), claims[0].Lease)) })
		both.Wait()
		for range 4 { // a worker that was refused tries again
			b.SetNow(b.Now().Add(15 * time.Minute))
			b.Settle()
		}
		require.Equal(b.t, billing.ChargeSucceeded, b.Charge(p.Plan.ID, 2).Status)
		count, sum := b.Succeeded()
		require.Equal(b.t, 2, count)
		require.Equal(b.t, p.Details.Charges[0].Amount+c.Amount, sum)
		receipts := 0
		for _, kind := range b.Notices(p.Plan.ID) {
			if kind == billing.NoticePaymentSucceeded {
				receipts++
			}
		}
		require.Equal(b.t, 2, receipts)
	})
}
