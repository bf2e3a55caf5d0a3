package jobs_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/stripesim"
	"tranche/internal/terms"
	"tranche/jobs"
)

const (
	good        = "4242424242424242"
	authOnce    = "4000002500003155"
	authAlways  = "4000002760003184"
	thenNoFunds = "4000008260003178"
	neverFunds  = "4000000000009995"
)

func TestTheFirstPaymentSavesTheCardAndStartsThePlan(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.plan(nil)
		require.Equal(b.t, billing.PlanAwaitingFirstPayment, p.Plan.Status)
		require.True(b.t, p.Charges[1].NextAttemptAt.IsZero(), "nothing is collected before the first payment")
		require.NoError(b.t, b.payFirst(p, good))
		b.settle()

		d := b.details(p.Plan.ID)
		require.Equal(b.t, billing.PlanActive, d.Plan.Status)
		require.Equal(b.t, []billing.ChargeStatus{billing.ChargeSucceeded, billing.ChargeScheduled, billing.ChargeScheduled, billing.ChargeScheduled}, statuses(d))
		require.Equal(b.t, d.Charges[1].DueAt, d.Charges[1].NextAttemptAt)
		card, err := b.store.Card(b.t.Context(), d.Plan.CardID)
		require.NoError(b.t, err)
		require.Equal(b.t, "4242", card.Last4)
		require.Equal(b.t, b.customerAtStripe(d.Plan.ID), card.StripeCustomer)
		require.Regexp(b.t, `^cus_`, card.StripeCustomer)
		require.Equal(b.t, []billing.NoticeKind{billing.NoticePaymentSucceeded}, b.notices(p.Plan.ID))
	})
}

func TestEachCardOfTheGuide(t *testing.T) {
	for _, tc := range []struct {
		name, card string
		refused    bool // the first payment is declined
		want       []billing.ChargeStatus
		plan       billing.PlanStatus
		notices    []billing.NoticeKind
	}{
		{
			"always succeeds", good, false,
			[]billing.ChargeStatus{billing.ChargeSucceeded, billing.ChargeSucceeded}, billing.PlanCompleted,
			[]billing.NoticeKind{billing.NoticePaymentSucceeded, billing.NoticePaymentSucceeded, billing.NoticePlanCompleted},
		},
		{
			"authentication once", authOnce, false,
			[]billing.ChargeStatus{billing.ChargeSucceeded, billing.ChargeSucceeded}, billing.PlanCompleted,
			[]billing.NoticeKind{billing.NoticePaymentSucceeded, billing.NoticePaymentSucceeded, billing.NoticePlanCompleted},
		},
		{
			"authentication always", authAlways, false,
			[]billing.ChargeStatus{billing.ChargeSucceeded, billing.ChargeFailed}, billing.PlanDefaulted,
			[]billing.NoticeKind{
				billing.NoticePaymentSucceeded, billing.NoticeActionRequired, billing.NoticeActionRequired, billing.NoticeFinal, billing.NoticePlanDefaulted,
			},
		},
		{
			"no funds later: retried on paydays, then given up", thenNoFunds, false,
			[]billing.ChargeStatus{billing.ChargeSucceeded, billing.ChargeFailed}, billing.PlanDefaulted,
			[]billing.NoticeKind{
				billing.NoticePaymentSucceeded, billing.NoticePaymentFailed, billing.NoticePaymentFailed, billing.NoticePaymentFailed,
				billing.NoticePaymentFailed, billing.NoticePaymentFailed, billing.NoticeFinal, billing.NoticePaymentFailed, billing.NoticePlanDefaulted,
			},
		},
		{
			"never funds: the checkout shows the decline, so no mail is sent", neverFunds, true,
			[]billing.ChargeStatus{billing.ChargeRequiresPaymentMethod, billing.ChargeScheduled}, billing.PlanAwaitingFirstPayment,
			[]billing.NoticeKind{},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			eachEngine(t, func(b *bench) {
				p := b.plan(func(t *terms.Terms) { t.Parts = 2 })
				err := b.payFirst(p, tc.card)
				require.Equal(b.t, tc.refused, err != nil, "%v", err)
				b.settle()
				b.advance(70)
				d := b.details(p.Plan.ID)
				require.Equal(b.t, tc.want, statuses(d))
				require.Equal(b.t, tc.plan, d.Plan.Status)
				require.ElementsMatch(b.t, tc.notices, b.notices(p.Plan.ID))
				require.LessOrEqual(b.t, len(b.intents()), 2, "one PaymentIntent for each charge, over all attempts")
				for _, c := range d.Charges {
					if !c.Status.Ended() && c.NextAttemptAt.IsZero() && c.Status != billing.ChargeScheduled {
						require.NotEmpty(b.t, c.Reason, "a charge that waits has a reason")
					}
				}
			})
		})
	}
}

func TestAnAttemptIsWrittenBeforeStripeIsCalled(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.started(good, nil)
		seen := 0
		b.gateway.before = func() {
			d := b.details(p.Plan.ID)
			attempts := d.Attempts[d.Charges[1].ID]
			require.Len(b.t, attempts, 1)
			require.Equal(b.t, billing.OutcomeUnknown, attempts[0].Outcome)
			require.Equal(b.t, string(attempts[0].ID), attempts[0].IdempotencyKey)
			require.Equal(b.t, d.Charges[1].Amount, attempts[0].Params.Amount)
			require.Equal(b.t, billing.ChargeCollecting, d.Charges[1].Status)
			seen++
		}
		b.advance(32)
		require.Equal(b.t, 1, seen)
	})
}

func TestALostAnswerIsAskedForAgainUnderTheSameKey(t *testing.T) {
	for _, fault := range []stripesim.FaultAction{
		stripesim.ActionAnswerLost, stripesim.ActionHalfBody, stripesim.ActionConnectionReset, stripesim.ActionConflict,
		stripesim.ActionRateLimit, stripesim.ActionLockTimeout,
	} {
		t.Run(string(fault), func(t *testing.T) {
			eachEngine(t, func(b *bench) {
				p := b.started(good, nil)
				require.NoError(b.t, b.sim.AddFault(stripesim.FaultRule{Action: fault, Method: "POST", Path: "/v1/payment_intents", Count: 2}))
				b.setNow(b.charge(p.Plan.ID, 2).DueAt)
				b.runDue()
				c := b.charge(p.Plan.ID, 2)
				require.Equal(b.t, billing.ChargeCollecting, c.Status)
				require.Contains(b.t, c.Reason, "no known outcome")
				require.Equal(b.t, 1, b.gateway.calls-1, "not asked again before its time") // one call opened the plan
				for range 4 {
					b.setNow(b.Now().Add(10 * time.Second))
					b.runDue()
				}
				b.settle()
				d := b.details(p.Plan.ID)
				require.Equal(b.t, billing.ChargeSucceeded, d.Charges[1].Status)
				require.Len(b.t, d.Attempts[d.Charges[1].ID], 1, "the attempt is not spent")
				require.GreaterOrEqual(b.t, d.Attempts[d.Charges[1].ID][0].SendCount, 2, "net/http may have sent it again itself, by its key")
				count, _ := b.succeededAtStripe()
				require.Equal(b.t, 2, count, "the first payment and this one")
			})
		})
	}
}

func TestAServerErrorIsReplayedByItsKeyUntilTheKeyIsForgottenAndThenLookedUp(t *testing.T) {
	for name, tc := range map[string]struct {
		fault    stripesim.FaultAction
		attempts int
	}{
		"carried out":     {stripesim.ActionServerErrorExecuted, 1},
		"not carried out": {stripesim.ActionServerError, 2},
	} {
		t.Run(name, func(t *testing.T) {
			eachEngine(t, func(b *bench) {
				p := b.started(good, nil)
				require.NoError(b.t, b.sim.AddFault(stripesim.FaultRule{Action: tc.fault, Method: "POST", Path: "/v1/payment_intents", Count: 1}))
				b.setNow(b.charge(p.Plan.ID, 2).DueAt)
				for range 30 { // webhooks are held back, so only a look-up shows the result
					b.runDue()
					b.setNow(b.Now().Add(time.Hour))
				}
				d := b.details(p.Plan.ID)
				require.Equal(b.t, billing.ChargeSucceeded, d.Charges[1].Status)
				require.Len(b.t, d.Attempts[d.Charges[1].ID], tc.attempts)
				count, _ := b.succeededAtStripe()
				require.Equal(b.t, 2, count)
			})
		})
	}
}

func TestADeclineWithoutItsPaymentIntentIsRetriedOnTheSameOne(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.started(thenNoFunds, nil)
		b.gateway.after = func(pi billing.PaymentIntent, err error) (billing.PaymentIntent, error) {
			if ge, ok := errors.AsType[*billing.GatewayError](err); ok {
				ge.PaymentIntent, ge.StripeCharge = nil, "" // other servers, and Stripe on some declines, leave them out
			}
			return pi, err
		}
		b.advance(40)
		d := b.details(p.Plan.ID)
		require.GreaterOrEqual(b.t, len(d.Attempts[d.Charges[1].ID]), 2)
		require.NotEmpty(b.t, d.Charges[1].PaymentIntent)
		require.Len(b.t, b.intents(), 2, "the first payment's and this charge's")
		for _, a := range d.Attempts[d.Charges[1].ID] {
			require.Equal(b.t, billing.InitiatorMerchant, a.Initiator, "our own declines are not taken for the customer's")
		}
	})
}

func TestARetryTakesANewKeyOnTheSamePaymentIntent(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.started(thenNoFunds, func(t *terms.Terms) { t.Parts = 2 })
		b.advance(60)
		d := b.details(p.Plan.ID)
		attempts := d.Attempts[d.Charges[1].ID]
		require.Len(b.t, attempts, 7)
		keys := map[string]bool{}
		for i, a := range attempts {
			require.Equal(b.t, i+1, a.Number)
			require.Equal(b.t, billing.OutcomeDeclined, a.Outcome)
			require.Equal(b.t, "insufficient_funds", a.Failure.DeclineCode)
			require.Equal(b.t, d.Charges[1].PaymentIntent, a.PaymentIntent)
			keys[a.IdempotencyKey] = true
		}
		require.Len(b.t, keys, 7)
	})
}

func TestWhoeverPaysMeanwhilePaysOnce(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.started(thenNoFunds, func(t *terms.Terms) { t.Parts = 2 })
		b.setNow(b.charge(p.Plan.ID, 2).DueAt)
		b.settle()
		declined := b.charge(p.Plan.ID, 2)
		require.Equal(b.t, billing.ChargeRetrying, declined.Status)

		pi, err := b.gateway.PaymentIntent(b.acting(), declined.PaymentIntent)
		require.NoError(b.t, err)
		b.gateway.before = func() { // the customer pays between the final check and the call
			b.gateway.before = nil
			require.NoError(b.t, b.pay(pi.ClientSecret, stripesim.PaymentDetails{Card: &stripesim.Card{Number: good}, SetupFutureUsage: "off_session"}))
		}
		b.setNow(declined.NextAttemptAt)
		b.settle()
		d := b.details(p.Plan.ID)
		require.Equal(b.t, billing.PlanCompleted, d.Plan.Status)
		_, sum := b.succeededAtStripe()
		require.Equal(b.t, p.Plan.Total, sum)
	})
}

func TestANewCardPaysOnTheSamePaymentIntentAndIsUsedFromThenOn(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.started(thenNoFunds, func(t *terms.Terms) { t.Parts = 3 })
		b.setNow(b.charge(p.Plan.ID, 2).DueAt)
		b.settle()
		declined := b.charge(p.Plan.ID, 2)
		pi, err := b.gateway.PaymentIntent(b.acting(), declined.PaymentIntent)
		require.NoError(b.t, err)
		require.NoError(b.t, b.pay(pi.ClientSecret, stripesim.PaymentDetails{Card: &stripesim.Card{Number: good}, SetupFutureUsage: "off_session"}))
		b.settle()
		paid := b.charge(p.Plan.ID, 2)
		require.Equal(b.t, billing.ChargeSucceeded, paid.Status)
		require.True(b.t, paid.NextAttemptAt.IsZero(), "the pending retry is off")
		b.advance(40)
		d := b.details(p.Plan.ID)
		require.Equal(b.t, billing.PlanCompleted, d.Plan.Status)
		require.Len(b.t, b.intents(), 3)
		last := d.Attempts[paid.ID][len(d.Attempts[paid.ID])-1]
		require.Equal(b.t, billing.InitiatorCustomer, last.Initiator)
	})
}

func TestStopBeatsATaskThatIsAlreadyQueued(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.started(good, nil)
		c := b.charge(p.Plan.ID, 2)
		b.setNow(c.DueAt)
		claims, err := b.store.ClaimCharges(b.t.Context(), b.Now(), b.Now().Add(time.Minute), 10)
		require.NoError(b.t, err)
		require.Len(b.t, claims, 1)
		require.NoError(b.t, b.store.Update(b.t.Context(), func(tx billing.Tx) error {
			plan, err := tx.LockPlan(b.t.Context(), p.Plan.ID)
			if err != nil {
				return err
			}
			plan.Status = billing.PlanPaused
			return tx.UpdatePlan(b.t.Context(), plan)
		}))
		calls := b.gateway.calls
		require.NoError(b.t, b.worker.Do(b.t.Context(), collectTask(string(c.ID), claims[0].Lease)))
		require.Equal(b.t, calls, b.gateway.calls, "Stripe was not called")
		c = b.charge(p.Plan.ID, 2)
		require.Equal(b.t, billing.ChargeScheduled, c.Status)
		require.Contains(b.t, c.Reason, "paused")
	})
}

func TestTasksThatComeTwiceLateOrForNothingDoNothing(t *testing.T) {
	eachEngine(t, func(b *bench) {
		ctx := b.t.Context()
		p := b.started(good, nil)
		c := b.charge(p.Plan.ID, 2)
		calls := b.gateway.calls
		require.NoError(b.t, b.worker.Do(ctx, collectTask(string(c.ID), c.Lease)), "not due yet")
		b.setNow(c.DueAt)
		claims, err := b.store.ClaimCharges(ctx, b.Now(), b.Now().Add(time.Minute), 10)
		require.NoError(b.t, err)
		require.NoError(b.t, b.worker.Do(ctx, collectTask(string(c.ID), claims[0].Lease-1)), "a stale lease")
		require.Equal(b.t, calls, b.gateway.calls)
		for range 3 {
			require.NoError(b.t, b.worker.Do(ctx, collectTask(string(c.ID), claims[0].Lease)))
		}
		require.Equal(b.t, calls+1, b.gateway.calls)
		require.NoError(b.t, b.worker.Do(ctx, collectTask("chg_gone", 1)))
		require.NoError(b.t, b.worker.Do(ctx, eventTask("evt_gone", 1)))
		require.NoError(b.t, b.worker.Do(ctx, noticeTask("ntc_gone", 1)))
	})
}

func TestACardThatIsGoneAsksForAnother(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.started(good, nil)
		card, err := b.store.Card(b.t.Context(), b.details(p.Plan.ID).Plan.CardID)
		require.NoError(b.t, err)
		b.post("/v1/payment_methods/" + card.PaymentMethod + "/detach")
		b.arrived() // the webhook is lost: Stripe's refusal must suffice
		b.setNow(b.charge(p.Plan.ID, 2).DueAt)
		b.runDue()
		c := b.charge(p.Plan.ID, 2)
		require.Equal(b.t, billing.ChargeRequiresPaymentMethod, c.Status)
		require.Contains(b.t, c.Reason, "no longer attached")
		require.True(b.t, c.NextAttemptAt.IsZero())
		require.Equal(b.t, billing.NoticePaymentFailed, b.notices(p.Plan.ID)[1])
	})
}

func TestARefusedRequestIsOursToMendAndNotToldToTheCustomer(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.started(good, nil)
		b.gateway.after = func(billing.PaymentIntent, error) (billing.PaymentIntent, error) {
			return billing.PaymentIntent{}, &billing.GatewayError{Op: "create PaymentIntent", Kind: billing.GatewayRejected, HTTPStatus: 400,
				Failure: billing.Failure{Code: "account_invalid", Message: "The account can't take charges."}}
		}
		b.gateway.Gateway = &refusing{b.gateway.Gateway}
		b.setNow(b.charge(p.Plan.ID, 2).DueAt)
		b.runDue()
		c := b.charge(p.Plan.ID, 2)
		require.Equal(b.t, billing.ChargeRetrying, c.Status)
		require.Contains(b.t, c.Reason, "account_invalid")
		require.Equal(b.t, []billing.NoticeKind{billing.NoticePaymentSucceeded}, b.notices(p.Plan.ID))
		for range 10 {
			b.setNow(b.Now().Add(24 * time.Hour))
			b.runDue()
		}
		require.Equal(b.t, billing.ChargeFailed, b.charge(p.Plan.ID, 2).Status, "it ends")
	})
}

// TestAChargeBehindADeferredOneWaitsToo: a charge whose predecessor is deferred is not claimed
// again and again.
func TestAChargeBehindADeferredOneWaitsToo(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.started(good, func(t *terms.Terms) { t.Parts, t.Total, t.Every, t.CatchUp = 3, 3000, "1 day", billing.CatchUpAll })
		b.setNow(b.Now().AddDate(0, 0, 5))
		turns := 0
		b.with(func(c *jobs.Config) {
			c.Acquire = func(ctx context.Context) (context.Context, func(), error) {
				if turns++; turns == 1 {
					return ctx, func() {}, fmt.Errorf("the turn did not come: %w", billing.ErrUnavailable)
				}
				return ctx, func() {}, nil
			}
		})
		for range 5 {
			b.takeIn(b.arrived()...)
			b.runDue()
		}
		require.Zero(b.t, b.runDue(), "nothing is due before the first's time comes")
		require.Less(b.t, turns, 5)
		require.Equal(b.t, billing.ChargeScheduled, b.charge(p.Plan.ID, 2).Status)
		require.Equal(b.t, "charge 2 comes first", b.charge(p.Plan.ID, 3).Reason)
		for range 5 {
			b.setNow(b.Now().Add(time.Minute))
			b.settle()
		}
		require.Equal(b.t, billing.PlanCompleted, b.details(p.Plan.ID).Plan.Status)
	})
}
