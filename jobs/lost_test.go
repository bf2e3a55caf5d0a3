package jobs_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/store/storetest"
	"tranche/internal/stripesim"
	"tranche/internal/terms"
	"tranche/jobs"
)

// paidOnce requires the first payment and one payment of each listed charge, and no other.
func (b *bench) paidOnce(id billing.PlanID, sequences ...int) {
	b.t.Helper()
	count, _ := b.Succeeded()
	require.Equal(b.t, 1+len(sequences), count, "the first payment and one for each charge")
	for _, n := range sequences {
		require.Equal(b.t, billing.ChargeSucceeded, b.Charge(id, n).Status, "charge %d", n)
	}
}

// TestCollect_LostAttempt loses an attempt with the database: within a day Stripe replays its
// answer; later the payment is found by a look-up.
func TestCollect_LostAttempt(t *testing.T) {
	for name, after := range map[string]time.Duration{"a minute": time.Minute, "an hour": time.Hour, "two days": 48 * time.Hour, "40 days": 40 * 24 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			eachEngine(t, func(b *bench) {
				p := b.Started(good, func(t *terms.Terms) { t.Parts = 2 })
				rewind := storetest.NewRewinder(b.t, b.Store)
				rewind.Backup("before")
				b.SetNow(b.Charge(p.Plan.ID, 2).DueAt)
				b.RunDue()
				b.Arrived() // the webhooks are lost too
				lost := b.Details(p.Plan.ID).Attempts[b.Charge(p.Plan.ID, 2).ID]
				rewind.Restore("before")
				b.SetNow(b.Now().Add(after))
				for range 3 {
					b.RunDue()
				}
				b.paidOnce(p.Plan.ID, 2)
				again := b.Details(p.Plan.ID).Attempts[b.Charge(p.Plan.ID, 2).ID]
				require.Len(b.t, again, 1)
				require.Equal(b.t, lost[0].ID, again[0].ID)
				require.Equal(b.t, billing.InitiatorMerchant, again[0].Initiator)
				require.Equal(b.t, lost[0].StripeCharge, again[0].StripeCharge)
			})
		})
	}
}

// TestCollect_LostAttemptOtherCard changes the card in between: the key was used with other
// parameters, so the payment is looked up.
func TestCollect_LostAttemptOtherCard(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.Started(good, func(t *terms.Terms) { t.Parts = 2 })
		rewind := storetest.NewRewinder(b.t, b.Store)
		rewind.Backup("before")
		b.SetNow(b.Charge(p.Plan.ID, 2).DueAt)
		b.RunDue()
		b.Arrived()
		rewind.Restore("before")
		b.newCard(p.Plan.ID, otherCard)
		b.TakeIn(b.Arrived()...)
		for range 4 {
			b.RunDue()
		}
		b.paidOnce(p.Plan.ID, 2)
	})
}

// TestCollect_LostDeclinesOtherCard loses two declines on a card: their keys are skipped, and the
// new card pays at once.
func TestCollect_LostDeclinesOtherCard(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.Started(thenNoFunds, func(t *terms.Terms) { t.Parts = 2 })
		rewind := storetest.NewRewinder(b.t, b.Store)
		due := b.Charge(p.Plan.ID, 2).DueAt
		b.SetNow(due)
		b.RunDue()
		rewind.Backup("before") // one decline is known
		b.retryNow(p.Plan.ID, 2)
		b.retryNow(p.Plan.ID, 2)
		require.Len(b.t, b.Details(p.Plan.ID).Attempts[b.Charge(p.Plan.ID, 2).ID], 3)
		b.Arrived()
		rewind.Restore("before")
		b.newCard(p.Plan.ID, good)
		b.Settle()
		b.paidOnce(p.Plan.ID, 2)
		require.Len(b.t, b.Intents(), 2)
	})
}

// TestEvent_PaidByALostAttempt restores a database with an open attempt. A later attempt, which is
// lost, was paid: the event of that payment also closes the open attempt.
func TestEvent_PaidByALostAttempt(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.Started(good, func(t *terms.Terms) { t.Parts = 2 })
		rewind := storetest.NewRewinder(b.t, b.Store)
		require.NoError(b.t, b.Sim.AddFault(stripesim.FaultRule{Action: stripesim.ActionLockTimeout, Method: "POST", Path: "/v1/payment_intents", Count: 1}))
		b.SetNow(b.Charge(p.Plan.ID, 2).DueAt)
		b.RunDue()
		rewind.Backup("open")
		require.Equal(b.t, billing.OutcomeUnknown, b.Details(p.Plan.ID).Attempts[b.Charge(p.Plan.ID, 2).ID][0].Outcome)
		b.SetNow(b.Now().Add(25 * time.Hour)) // the key may be forgotten: the first attempt is looked up
		b.RunDue()
		b.retryNow(p.Plan.ID, 2)
		b.paidOnce(p.Plan.ID, 2)
		payment := b.Arrived()
		rewind.Restore("open")
		b.TakeIn(payment...)
		b.RunDue()
		b.paidOnce(p.Plan.ID, 2)
		attempts := b.Details(p.Plan.ID).Attempts[b.Charge(p.Plan.ID, 2).ID]
		require.Len(b.t, attempts, 2)
		require.Equal(b.t, billing.OutcomeError, attempts[0].Outcome, "it took no money")
		require.Equal(b.t, billing.OutcomeSucceeded, attempts[1].Outcome)
	})
}

// retryNow has a charge retried at once, independent of dunning's decision.
func (b *bench) retryNow(id billing.PlanID, sequence int) {
	b.t.Helper()
	require.NoError(b.t, b.Store.Update(b.t.Context(), func(tx billing.Tx) error {
		c, err := tx.Charge(b.t.Context(), b.Charge(id, sequence).ID)
		if err != nil {
			return err
		}
		c.NextAttemptAt, c.ClaimAfter = b.Now(), b.Now()
		return tx.UpdateCharge(b.t.Context(), c)
	}))
	b.RunDue()
}

// TestCollect_LostReplacement loses the replacement of a PaymentIntent with the database: the
// charge adopts the replacement, whether it is paid or not.
func TestCollect_LostReplacement(t *testing.T) {
	for name, tc := range map[string]struct {
		card  string
		event bool // the cancellation's event comes first
	}{
		"paid": {good, false}, "paid, by event": {good, true}, "declined": {thenNoFunds, false}, "declined, by event": {thenNoFunds, true},
	} {
		t.Run(name, func(t *testing.T) {
			eachEngine(t, func(b *bench) {
				p := b.Started(thenNoFunds, func(t *terms.Terms) { t.Parts = 2 })
				b.SetNow(b.Charge(p.Plan.ID, 2).DueAt)
				b.Settle()
				rewind := storetest.NewRewinder(b.t, b.Store)
				rewind.Backup("before")
				old := b.Charge(p.Plan.ID, 2)
				b.replaceAtStripe(old, tc.card)
				rewind.Restore("before")
				if tc.event {
					b.hear("evt_canceled", "payment_intent.canceled", old.PaymentIntent)
				} else {
					b.retryNow(p.Plan.ID, 2)
				}
				b.RunDue()
				c := b.Charge(p.Plan.ID, 2)
				require.NotEqual(b.t, billing.ChargeCanceled, c.Status, "it is still owed")
				require.NotEqual(b.t, old.PaymentIntent, c.PaymentIntent)
				if tc.card == good {
					b.paidOnce(p.Plan.ID, 2)
				}
				require.Len(b.t, b.Intents(), 3, "the first payment's, the old one and the new one")
			})
		})
	}
}

// replaceAtStripe cancels a charge's PaymentIntent and creates another for it, as a worker does,
// but only Stripe remembers it afterwards.
func (b *bench) replaceAtStripe(c billing.Charge, card string) {
	b.t.Helper()
	ctx := b.OnAccount()
	_, err := b.Gateway.CancelPaymentIntent(ctx, "replace-"+c.PaymentIntent, c.PaymentIntent)
	require.NoError(b.t, err)
	pi, err := b.Gateway.CreatePaymentIntent(ctx, "another", billing.PaymentParams{
		Amount: c.Amount, Currency: c.Currency, Customer: b.StripeCustomer(c.PlanID), Metadata: c.Metadata("order-1", "att_lost"),
	})
	require.NoError(b.t, err)
	err = b.Pay(pi.ClientSecret, stripesim.PaymentDetails{Card: &stripesim.Card{Number: card}})
	if card == good {
		require.NoError(b.t, err)
	}
	b.Arrived()
}

// TestEvents_PaidByLostReplacement handles the payment's event first: the payment is recorded, and
// not reported as a second one.
func TestEvents_PaidByLostReplacement(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.Started(thenNoFunds, func(t *terms.Terms) { t.Parts = 2 })
		b.SetNow(b.Charge(p.Plan.ID, 2).DueAt)
		b.Settle()
		rewind := storetest.NewRewinder(b.t, b.Store)
		rewind.Backup("before")
		old := b.Charge(p.Plan.ID, 2)
		b.replaceAtStripe(old, good)
		rewind.Restore("before")
		paid := b.Intents()[2]
		b.hear("evt_paid", "payment_intent.succeeded", paid.ID)
		b.RunDue()
		b.paidOnce(p.Plan.ID, 2)
		require.Equal(b.t, paid.ID, b.Charge(p.Plan.ID, 2).PaymentIntent)
	})
}

// TestCollect_LostPaymentAhead loses a payment that the customer made before the charge was due.
// Only a look-up at Stripe shows it.
func TestCollect_LostPaymentAhead(t *testing.T) {
	for name, doubt := range map[string]bool{"known to have gone back": true, "late": false} {
		t.Run(name, func(t *testing.T) {
			eachEngine(t, func(b *bench) {
				p := b.Started(good, func(t *terms.Terms) { t.Parts = 2 })
				c := b.Charge(p.Plan.ID, 2)
				pi, err := b.Gateway.CreatePaymentIntent(b.OnAccount(), "ahead", billing.PaymentParams{
					Amount: c.Amount, Currency: c.Currency, Customer: b.StripeCustomer(p.Plan.ID), Metadata: c.Metadata("order-1", "att_lost"),
				})
				require.NoError(b.t, err)
				require.NoError(b.t, b.Pay(pi.ClientSecret, stripesim.PaymentDetails{Card: &stripesim.Card{Number: good}}))
				b.Arrived()
				at := c.DueAt
				if doubt {
					b.With(func(c *jobs.Config) { c.Doubt = func() time.Time { return start.AddDate(0, 0, 1) } })
				} else {
					at = at.Add(6 * time.Minute)
				}
				b.SetNow(at)
				b.RunDue()
				b.paidOnce(p.Plan.ID, 2)
				attempts := b.Details(p.Plan.ID).Attempts[c.ID]
				require.Len(b.t, attempts, 1)
				require.Equal(b.t, billing.InitiatorCustomer, attempts[0].Initiator)
			})
		})
	}
}

// TestCollect_LostIntentDiffers finds an open PaymentIntent of another amount: it is canceled, and
// a new one pays the charge.
func TestCollect_LostIntentDiffers(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.Started(good, func(t *terms.Terms) { t.Parts = 2 })
		c := b.Charge(p.Plan.ID, 2)
		pi, err := b.Gateway.CreatePaymentIntent(b.OnAccount(), "other", billing.PaymentParams{
			Amount: c.Amount - 100, Currency: c.Currency, Customer: b.StripeCustomer(p.Plan.ID), Metadata: c.Metadata("order-1", "att_lost"),
		})
		require.NoError(b.t, err)
		b.SetNow(c.DueAt.Add(time.Hour))
		for range 4 {
			b.RunDue()
		}
		b.paidOnce(p.Plan.ID, 2)
		old, err := b.Gateway.PaymentIntent(b.OnAccount(), pi.ID)
		require.NoError(b.t, err)
		require.Equal(b.t, billing.IntentCanceled, old.Status)
	})
}

// blind is a Stripe whose lists are still empty.
type blind struct {
	billing.Gateway
	seeing bool
}

// FindPaymentIntent finds nothing until sees is set.
func (g *blind) FindPaymentIntent(ctx context.Context, customer string, since time.Time, match func(billing.PaymentIntent) bool) (billing.PaymentIntent, error) {
	if g.seeing {
		return g.Gateway.FindPaymentIntent(ctx, customer, since, match)
	}
	return billing.PaymentIntent{}, &billing.GatewayError{Op: "find", Kind: billing.GatewayNotFound}
}

// TestCollect_UsedKeyUnseen: a used key whose PaymentIntent is in no list. Nothing is sent under
// another key.
func TestCollect_UsedKeyUnseen(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.Started(good, func(t *terms.Terms) { t.Parts = 2 })
		list := &blind{Gateway: b.Gateway.Gateway}
		b.Gateway.Gateway = &upgraded{Gateway: list}
		b.SetNow(b.Charge(p.Plan.ID, 2).DueAt)
		b.loseAnswer()
		b.RunDue()
		b.Arrived()
		for range 20 {
			b.SetNow(b.Now().Add(time.Hour))
			b.RunDue()
		}
		require.Len(b.t, b.Details(p.Plan.ID).Attempts[b.Charge(p.Plan.ID, 2).ID], 1)
		list.seeing = true
		b.SetNow(b.Now().Add(time.Hour))
		b.RunDue()
		b.paidOnce(p.Plan.ID, 2)
	})
}

// TestCollect_StripeListDown: while Stripe can't be asked, a charge that may have been paid waits,
// with the reason.
func TestCollect_StripeListDown(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.Started(good, func(t *terms.Terms) { t.Parts = 2 })
		require.NoError(b.t, b.Sim.AddFault(stripesim.FaultRule{Action: stripesim.ActionServerError, Method: "GET", Path: "/v1/payment_intents", Count: 100}))
		b.SetNow(b.Charge(p.Plan.ID, 2).DueAt.Add(time.Hour))
		b.RunDue()
		c := b.Charge(p.Plan.ID, 2)
		require.Contains(b.t, c.Reason, "whether it was paid already is not known")
		require.Zero(b.t, c.AttemptCount)
	})
}

// TestCollect_KeyOutlivesCall: a request that may arrive when Stripe has forgotten the key is not
// sent again. Half a minute before, it is looked up instead.
func TestCollect_KeyOutlivesCall(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.Started(good, func(t *terms.Terms) { t.Parts = 2 })
		due := b.Charge(p.Plan.ID, 2).DueAt
		b.SetNow(due)
		b.loseAnswer()
		b.RunDue()
		b.Arrived()
		calls := b.Gateway.Calls
		b.SetNow(due.Add(23*time.Hour - 30*time.Second))
		b.RunDue()
		require.Equal(b.t, calls, b.Gateway.Calls)
		b.paidOnce(p.Plan.ID, 2)
	})
}
