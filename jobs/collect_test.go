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
		p := b.Plan(nil)
		require.Equal(b.t, billing.PlanAwaitingFirstPayment, p.Plan.Status)
		require.True(b.t, p.Charges[1].NextAttemptAt.IsZero(), "nothing is collected before the first payment")
		require.NoError(b.t, b.PayFirst(p, good))
		b.Settle()

		d := b.Details(p.Plan.ID)
		require.Equal(b.t, billing.PlanActive, d.Plan.Status)
		require.Equal(b.t, []billing.ChargeStatus{billing.ChargeSucceeded, billing.ChargeScheduled, billing.ChargeScheduled, billing.ChargeScheduled}, statuses(d))
		require.Equal(b.t, d.Charges[1].DueAt, d.Charges[1].NextAttemptAt)
		card, err := b.Store.Card(b.t.Context(), d.Plan.CardID)
		require.NoError(b.t, err)
		require.Equal(b.t, "4242", card.Last4)
		require.Equal(b.t, b.StripeCustomer(d.Plan.ID), card.StripeCustomer)
		require.Regexp(b.t, `^cus_`, card.StripeCustomer)
		require.Equal(b.t, []billing.NoticeKind{billing.NoticePaymentSucceeded}, b.Notices(p.Plan.ID))
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
				p := b.Plan(func(t *terms.Terms) { t.Parts = 2 })
				err := b.PayFirst(p, tc.card)
				require.Equal(b.t, tc.refused, err != nil, "%v", err)
				b.Settle()
				b.Advance(70)
				d := b.Details(p.Plan.ID)
				require.Equal(b.t, tc.want, statuses(d))
				require.Equal(b.t, tc.plan, d.Plan.Status)
				require.ElementsMatch(b.t, tc.notices, b.Notices(p.Plan.ID))
				require.LessOrEqual(b.t, len(b.Intents()), 2, "one PaymentIntent for each charge, over all attempts")
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
		p := b.Started(good, nil)
		seen := 0
		b.Gateway.Before = func() {
			d := b.Details(p.Plan.ID)
			attempts := d.Attempts[d.Charges[1].ID]
			require.Len(b.t, attempts, 1)
			require.Equal(b.t, billing.OutcomeUnknown, attempts[0].Outcome)
			require.Equal(b.t, string(attempts[0].ID), attempts[0].IdempotencyKey)
			require.Equal(b.t, d.Charges[1].Amount, attempts[0].Params.Amount)
			require.Equal(b.t, billing.ChargeCollecting, d.Charges[1].Status)
			seen++
		}
		b.Advance(32)
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
				p := b.Started(good, nil)
				require.NoError(b.t, b.Sim.AddFault(stripesim.FaultRule{Action: fault, Method: "POST", Path: "/v1/payment_intents", Count: 2}))
				b.SetNow(b.Charge(p.Plan.ID, 2).DueAt)
				b.RunDue()
				c := b.Charge(p.Plan.ID, 2)
				require.Equal(b.t, billing.ChargeCollecting, c.Status)
				require.Contains(b.t, c.Reason, "no known outcome")
				require.Equal(b.t, 1, b.Gateway.Calls-1, "not asked again before its time") // one call opened the plan
				for range 4 {
					b.SetNow(b.Now().Add(10 * time.Second))
					b.RunDue()
				}
				b.Settle()
				d := b.Details(p.Plan.ID)
				require.Equal(b.t, billing.ChargeSucceeded, d.Charges[1].Status)
				require.Len(b.t, d.Attempts[d.Charges[1].ID], 1, "the attempt is not spent")
				require.GreaterOrEqual(b.t, d.Attempts[d.Charges[1].ID][0].SendCount, 2, "net/http may have sent it again itself, by its key")
				count, _ := b.Succeeded()
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
				p := b.Started(good, nil)
				require.NoError(b.t, b.Sim.AddFault(stripesim.FaultRule{Action: tc.fault, Method: "POST", Path: "/v1/payment_intents", Count: 1}))
				b.SetNow(b.Charge(p.Plan.ID, 2).DueAt)
				for range 30 { // webhooks are held back, so only a look-up shows the result
					b.RunDue()
					b.SetNow(b.Now().Add(time.Hour))
				}
				d := b.Details(p.Plan.ID)
				require.Equal(b.t, billing.ChargeSucceeded, d.Charges[1].Status)
				require.Len(b.t, d.Attempts[d.Charges[1].ID], tc.attempts)
				count, _ := b.Succeeded()
				require.Equal(b.t, 2, count)
			})
		})
	}
}

func TestADeclineWithoutItsPaymentIntentIsRetriedOnTheSameOne(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.Started(thenNoFunds, nil)
		b.Gateway.After = func(pi billing.PaymentIntent, err error) (billing.PaymentIntent, error) {
			if ge, ok := errors.AsType[*billing.GatewayError](err); ok {
				ge.PaymentIntent, ge.StripeCharge = nil, "" // other servers, and Stripe on some declines, leave them out
			}
			return pi, err
		}
		b.Advance(40)
		d := b.Details(p.Plan.ID)
		require.GreaterOrEqual(b.t, len(d.Attempts[d.Charges[1].ID]), 2)
		require.NotEmpty(b.t, d.Charges[1].PaymentIntent)
		require.Len(b.t, b.Intents(), 2, "the first payment's and this charge's")
		for _, a := range d.Attempts[d.Charges[1].ID] {
			require.Equal(b.t, billing.InitiatorMerchant, a.Initiator, "our own declines are not taken for the customer's")
		}
	})
}

func TestARetryTakesANewKeyOnTheSamePaymentIntent(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.Started(thenNoFunds, func(t *terms.Terms) { t.Parts = 2 })
		b.Advance(60)
		d := b.Details(p.Plan.ID)
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
		p := b.Started(thenNoFunds, func(t *terms.Terms) { t.Parts = 2 })
		b.SetNow(b.Charge(p.Plan.ID, 2).DueAt)
		b.Settle()
		declined := b.Charge(p.Plan.ID, 2)
		require.Equal(b.t, billing.ChargeRetrying, declined.Status)

		pi, err := b.Gateway.PaymentIntent(b.OnAccount(), declined.PaymentIntent)
		require.NoError(b.t, err)
		b.Gateway.Before = func() { // the customer pays between the final check and the call
			b.Gateway.Before = nil
			require.NoError(b.t, b.Pay(pi.ClientSecret, stripesim.PaymentDetails{Card: &stripesim.Card{Number: good}, SetupFutureUsage: "off_session"}))
		}
		b.SetNow(declined.NextAttemptAt)
		b.Settle()
		d := b.Details(p.Plan.ID)
		require.Equal(b.t, billing.PlanCompleted, d.Plan.Status)
		_, sum := b.Succeeded()
		require.Equal(b.t, p.Plan.Total, sum)
	})
}

func TestANewCardPaysOnTheSamePaymentIntentAndIsUsedFromThenOn(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.Started(thenNoFunds, func(t *terms.Terms) { t.Parts = 3 })
		b.SetNow(b.Charge(p.Plan.ID, 2).DueAt)
		b.Settle()
		declined := b.Charge(p.Plan.ID, 2)
		pi, err := b.Gateway.PaymentIntent(b.OnAccount(), declined.PaymentIntent)
		require.NoError(b.t, err)
		require.NoError(b.t, b.Pay(pi.ClientSecret, stripesim.PaymentDetails{Card: &stripesim.Card{Number: good}, SetupFutureUsage: "off_session"}))
		b.Settle()
		paid := b.Charge(p.Plan.ID, 2)
		require.Equal(b.t, billing.ChargeSucceeded, paid.Status)
		require.True(b.t, paid.NextAttemptAt.IsZero(), "the pending retry is off")
		b.Advance(40)
		d := b.Details(p.Plan.ID)
		require.Equal(b.t, billing.PlanCompleted, d.Plan.Status)
		require.Len(b.t, b.Intents(), 3)
		last := d.Attempts[paid.ID][len(d.Attempts[paid.ID])-1]
		require.Equal(b.t, billing.InitiatorCustomer, last.Initiator)
	})
}

func TestStopBeatsATaskThatIsAlreadyQueued(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.Started(good, nil)
		c := b.Charge(p.Plan.ID, 2)
		b.SetNow(c.DueAt)
		claims, err := b.Store.ClaimCharges(b.t.Context(), b.Now(), b.Now().Add(time.Minute), 10)
		require.NoError(b.t, err)
		require.Len(b.t, claims, 1)
		require.NoError(b.t, b.Store.Update(b.t.Context(), func(tx billing.Tx) error {
			plan, err := tx.LockPlan(b.t.Context(), p.Plan.ID)
			if err != nil {
				return err
			}
			plan.Status = billing.PlanPaused
			return tx.UpdatePlan(b.t.Context(), plan)
		}))
		calls := b.Gateway.Calls
		b.Do(collectTask(string(c.ID), claims[0].Lease))
		require.Equal(b.t, calls, b.Gateway.Calls, "Stripe was not called")
		c = b.Charge(p.Plan.ID, 2)
		require.Equal(b.t, billing.ChargeScheduled, c.Status)
		require.Contains(b.t, c.Reason, "paused")
	})
}

func TestTasksThatComeTwiceLateOrForNothingDoNothing(t *testing.T) {
	eachEngine(t, func(b *bench) {
		ctx := b.t.Context()
		p := b.Started(good, nil)
		c := b.Charge(p.Plan.ID, 2)
		calls := b.Gateway.Calls
		require.NoError(b.t, b.Worker.Do(ctx, collectTask(string(c.ID), c.Lease)), "not due yet")
		b.SetNow(c.DueAt)
		claims, err := b.Store.ClaimCharges(ctx, b.Now(), b.Now().Add(time.Minute), 10)
		require.NoError(b.t, err)
		require.NoError(b.t, b.Worker.Do(ctx, collectTask(string(c.ID), claims[0].Lease-1)), "a stale lease")
		require.Equal(b.t, calls, b.Gateway.Calls)
		for range 3 {
			require.NoError(b.t, b.Worker.Do(ctx, collectTask(string(c.ID), claims[0].Lease)))
		}
		require.Equal(b.t, calls+1, b.Gateway.Calls)
		require.NoError(b.t, b.Worker.Do(ctx, collectTask("chg_gone", 1)))
		require.NoError(b.t, b.Worker.Do(ctx, eventTask("evt_gone", 1)))
		require.NoError(b.t, b.Worker.Do(ctx, noticeTask("ntc_gone", 1)))
	})
}

func TestACardThatIsGoneAsksForAnother(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.Started(good, nil)
		card, err := b.Store.Card(b.t.Context(), b.Details(p.Plan.ID).Plan.CardID)
		require.NoError(b.t, err)
		b.post("/v1/payment_methods/" + card.PaymentMethod + "/detach")
		b.Arrived() // the webhook is lost: Stripe's refusal must suffice
		b.SetNow(b.Charge(p.Plan.ID, 2).DueAt)
		b.RunDue()
		c := b.Charge(p.Plan.ID, 2)
		require.Equal(b.t, billing.ChargeRequiresPaymentMethod, c.Status)
		require.Contains(b.t, c.Reason, "no longer attached")
		require.True(b.t, c.NextAttemptAt.IsZero())
		require.Equal(b.t, billing.NoticePaymentFailed, b.Notices(p.Plan.ID)[1])
	})
}

func TestARefusedRequestIsOursToMendAndNotToldToTheCustomer(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.Started(good, nil)
		b.Gateway.After = func(billing.PaymentIntent, error) (billing.PaymentIntent, error) {
			return billing.PaymentIntent{}, &billing.GatewayError{Op: "create PaymentIntent", Kind: billing.GatewayRejected, HTTPStatus: 400,
				Failure: billing.Failure{Code: "account_invalid", Message: "The account can't take charges."}}
		}
		b.Gateway.Gateway = &refusing{b.Gateway.Gateway}
		b.SetNow(b.Charge(p.Plan.ID, 2).DueAt)
		b.RunDue()
		c := b.Charge(p.Plan.ID, 2)
		require.Equal(b.t, billing.ChargeRetrying, c.Status)
		require.Contains(b.t, c.Reason, "account_invalid")
		require.Equal(b.t, []billing.NoticeKind{billing.NoticePaymentSucceeded}, b.Notices(p.Plan.ID))
		for range 10 {
			b.SetNow(b.Now().Add(24 * time.Hour))
			b.RunDue()
		}
		require.Equal(b.t, billing.ChargeFailed, b.Charge(p.Plan.ID, 2).Status, "it ends")
	})
}

// TestAChargeBehindADeferredOneWaitsToo: a charge whose predecessor is deferred is not claimed
// again and again.
func TestAChargeBehindADeferredOneWaitsToo(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.Started(good, func(t *terms.Terms) { t.Parts, t.Total, t.Every, t.CatchUp = 3, 3000, "1 day", billing.CatchUpAll })
		b.SetNow(b.Now().AddDate(0, 0, 5))
		turns := 0
		b.With(func(c *jobs.Config) {
			c.Acquire = func(ctx context.Context) (context.Context, func(), error) {
				if turns++; turns == 1 {
					return ctx, func() {}, fmt.Errorf("the turn did not come: %w", billing.ErrUnavailable)
				}
				return ctx, func() {}, nil
			}
		})
		for range 5 {
			b.TakeIn(b.Arrived()...)
			b.RunDue()
		}
		require.Zero(b.t, b.RunDue(), "nothing is due before the first's time comes")
		require.Less(b.t, turns, 5)
		require.Equal(b.t, billing.ChargeScheduled, b.Charge(p.Plan.ID, 2).Status)
		require.Equal(b.t, "charge 2 comes first", b.Charge(p.Plan.ID, 3).Reason)
		for range 5 {
			b.SetNow(b.Now().Add(time.Minute))
			b.Settle()
		}
		require.Equal(b.t, billing.PlanCompleted, b.Details(p.Plan.ID).Plan.Status)
	})
}
