package recovery_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"tranche/internal/billing"
	"tranche/internal/planning"
	"tranche/internal/recovery"
	"tranche/internal/stripesim"
	"tranche/internal/task"
	"tranche/internal/terms"
)

const (
	goodCard    = "4242424242424242"
	noFundsCard = "4000008260003178"
)

// other is an order to pay with another card, with consent to save it.
var other = recovery.PayRequest{Evidence: evidence()}

func TestPay_EarlyUsesTheChargesPaymentIntent(t *testing.T) {
	eachEngine(t, func(t *testing.T, b *bench) {
		p := b.plan()
		tok := b.open(p, 2)
		first, err := b.payOne(t.Context(), tok, recovery.PayRequest{Saved: true})
		require.NoError(t, err)
		require.Equal(t, recovery.StatePayEarly, first.State)
		again, err := b.payOne(t.Context(), tok, other)
		require.NoError(t, err)
		require.Equal(t, first.ClientSecret.Reveal(), again.ClientSecret.Reveal())

		c := b.Details(p.Plan.ID).Charges[1]
		require.NotEmpty(t, c.PaymentIntent)
		require.Equal(t, billing.ChargeScheduled, c.Status, "nothing was paid yet")
		require.Equal(t, p.Charges[1].NextAttemptAt, c.NextAttemptAt, "nor does it fall due later")
		attempts := b.Details(p.Plan.ID).Attempts[c.ID]
		require.Len(t, attempts, 1)
		require.Equal(t, billing.OutcomeAwaitingCustomer, attempts[0].Outcome)
		require.Equal(t, billing.InitiatorCustomer, attempts[0].Initiator)

		require.NoError(t, b.Pay(first.ClientSecret, stripesim.PaymentDetails{PaymentMethod: first.PaymentMethod}))
		b.Settle()
		b.advance(40 * 24 * time.Hour)
		b.Settle()
		require.Equal(t, []string{c.PaymentIntent}, b.tookMoney(c))
		after := b.Details(p.Plan.ID)
		require.Equal(t, billing.ChargeSucceeded, after.Charges[1].Status)
		require.Len(t, after.Attempts[c.ID], 1)
	})
}

func TestAChargeThatWasOpenedAndNotPaidIsCollectedOnTheSamePaymentIntent(t *testing.T) {
	eachEngine(t, func(t *testing.T, b *bench) {
		p := b.plan()
		given, err := b.payOne(t.Context(), b.open(p, 2), other)
		require.NoError(t, err)
		b.advance(32 * 24 * time.Hour)
		b.Settle()
		after := b.Details(p.Plan.ID)
		require.Equal(t, billing.ChargeSucceeded, after.Charges[1].Status)
		require.Len(t, after.Attempts[p.Charges[1].ID], 2, "the confirmation needed no second try")
		require.Error(t, b.Pay(given.ClientSecret, stripesim.PaymentDetails{Card: &stripesim.Card{Number: goodCard}}), "the secret pays nothing more")
		require.Len(t, b.tookMoney(after.Charges[1]), 1)
	})
}

// TestTheWorkerWaitsWhileThePaymentIntentIsMade has the charge fall due during the call to Stripe.
func TestTheWorkerWaitsWhileThePaymentIntentIsMade(t *testing.T) {
	eachEngine(t, func(t *testing.T, b *bench) {
		p := b.plan()
		b.advance(p.Charges[1].DueAt.Sub(b.Now()) - time.Second)
		b.Gateway.InsteadOfCreate = func(_ context.Context, create func() (billing.PaymentIntent, error)) (billing.PaymentIntent, error) {
			b.advance(2 * time.Second)
			b.Settle() // the charge is due, and the scheduler hands it out
			return create()
		}
		given, err := b.payOne(t.Context(), b.open(p, 2), other)
		require.NoError(t, err)
		require.NotEmpty(t, given.ClientSecret.Reveal())
		c := b.Details(p.Plan.ID).Charges[1]
		require.Empty(t, b.tookMoney(c))
		require.Equal(t, "the customer is about to pay it", c.Reason)

		b.advance(2 * lease)
		b.Settle()
		c = b.Details(p.Plan.ID).Charges[1]
		require.Equal(t, billing.ChargeSucceeded, c.Status, "the customer did not pay, so the worker collects")
		require.Equal(t, []string{c.PaymentIntent}, b.tookMoney(c))
	})
}

// TestNobodyIsGivenAPaymentIntentThatWasGivenUp delays the page's call by more than a lease: the
// worker creates a PaymentIntent of its own, and the page's must not be paid as well.
func TestNobodyIsGivenAPaymentIntentThatWasGivenUp(t *testing.T) {
	eachEngine(t, func(t *testing.T, b *bench) {
		p := b.plan()
		b.advance(p.Charges[1].DueAt.Sub(b.Now()) - time.Second)
		b.Gateway.InsteadOfCreate = func(_ context.Context, create func() (billing.PaymentIntent, error)) (billing.PaymentIntent, error) {
			made, err := create()
			b.advance(3 * lease)
			b.Settle()
			b.advance(lease)
			b.Settle()
			return made, err
		}
		given, err := b.payOne(t.Context(), b.open(p, 2), other)
		require.NoError(t, err)
		require.Empty(t, given.ClientSecret.Reveal())
		require.False(t, given.State.Payable())
		c := b.Details(p.Plan.ID).Charges[1]
		require.Equal(t, billing.ChargeSucceeded, c.Status)
		require.Equal(t, []string{c.PaymentIntent}, b.tookMoney(c))
	})
}

// TestALostAnswerIsAskedForAgain loses Stripe's answer: the customer tries again, and the same
// PaymentIntent comes back.
func TestALostAnswerIsAskedForAgain(t *testing.T) {
	eachEngine(t, func(t *testing.T, b *bench) {
		p := b.plan()
		tok := b.open(p, 2)
		b.Gateway.InsteadOfCreate = func(_ context.Context, create func() (billing.PaymentIntent, error)) (billing.PaymentIntent, error) {
			_, err := create()
			require.NoError(t, err)
			return billing.PaymentIntent{}, &billing.GatewayError{Op: "create PaymentIntent", Kind: billing.GatewayUnknown}
		}
		_, err := b.payOne(t.Context(), tok, other)
		require.ErrorIs(t, err, billing.ErrUnavailable)
		b.Gateway.InsteadOfCreate = nil
		made := len(b.Sim.PaymentIntents())
		given, err := b.payOne(t.Context(), tok, other)
		require.NoError(t, err)
		require.NotEmpty(t, given.ClientSecret.Reveal())
		require.Len(t, b.Sim.PaymentIntents(), made)
		require.Len(t, b.Details(p.Plan.ID).Attempts[p.Charges[1].ID], 1)
	})
}

func TestARefusalIsOnRecordAndTheNextTryIsNew(t *testing.T) {
	eachEngine(t, func(t *testing.T, b *bench) {
		p := b.plan()
		tok := b.open(p, 2)
		refusal := &billing.GatewayError{Kind: billing.GatewayRejected, Failure: billing.Failure{Code: "amount_too_small"}}
		b.Gateway.InsteadOfCreate = func(context.Context, func() (billing.PaymentIntent, error)) (billing.PaymentIntent, error) {
			return billing.PaymentIntent{}, refusal
		}
		_, err := b.payOne(t.Context(), tok, other)
		require.ErrorIs(t, err, refusal)
		b.Gateway.InsteadOfCreate = nil
		_, err = b.payOne(t.Context(), tok, other)
		require.NoError(t, err)
		attempts := b.Details(p.Plan.ID).Attempts[p.Charges[1].ID]
		require.Equal(t, billing.OutcomeError, attempts[0].Outcome)
		require.Equal(t, billing.OutcomeAwaitingCustomer, attempts[1].Outcome)
	})
}

// TestManyAtOncePayOnce has the worker and many tabs pay the same charge at the same time.
func TestManyAtOncePayOnce(t *testing.T) {
	eachEngine(t, func(t *testing.T, b *bench) {
		p := b.planWith(noFundsCard)
		b.advance(p.Charges[1].DueAt.Sub(b.Now()) + time.Second)
		b.Settle()
		c := b.Details(p.Plan.ID).Charges[1]
		require.Equal(t, billing.ChargeRetrying, c.Status)
		b.advance(c.NextAttemptAt.Sub(b.Now()))
		tok := b.open(p, 2)
		claims, err := b.Store.ClaimCharges(t.Context(), b.Now(), b.Now().Add(lease), 10)
		require.NoError(t, err)
		require.Len(t, claims, 1)

		var g errgroup.Group
		g.Go(func() error { return b.Worker.Do(t.Context(), task.ForCharge(claims[0])) })
		for range 4 {
			g.Go(func() error {
				given, err := b.payOne(t.Context(), tok, other)
				if err != nil || given.ClientSecret == "" {
					return err // the retry is in flight, or another tab has paid
				}
				_, err = b.Browser.ConfirmCardPayment(t.Context(), given.ClientSecret.Reveal(),
					stripesim.PaymentDetails{Card: &stripesim.Card{Number: goodCard}, SetupFutureUsage: "off_session"})
				if _, refused := errors.AsType[*stripesim.APIError](err); refused {
					return nil // another tab or the worker was faster
				}
				return err
			})
		}
		require.NoError(t, g.Wait())
		b.Settle()
		given, err := b.payOne(t.Context(), tok, other) // in case every tab was turned away during the retry
		require.NoError(t, err)
		if given.ClientSecret != "" {
			require.NoError(t, b.Pay(given.ClientSecret, stripesim.PaymentDetails{Card: &stripesim.Card{Number: goodCard}, SetupFutureUsage: "off_session"}))
		}
		b.Settle()
		require.Equal(t, []string{c.PaymentIntent}, b.tookMoney(c))
		require.Equal(t, billing.ChargeSucceeded, b.Details(p.Plan.ID).Charges[1].Status)
	})
}

func TestWhileARetryIsUnderWayThereIsNothingToConfirm(t *testing.T) {
	eachEngine(t, func(t *testing.T, b *bench) {
		p := b.planWith(noFundsCard)
		b.advance(p.Charges[1].DueAt.Sub(b.Now()) + time.Second)
		b.Settle()
		tok := b.open(p, 2)
		require.NoError(t, b.Store.Update(t.Context(), func(tx billing.Tx) error {
			c, err := tx.Charge(t.Context(), p.Charges[1].ID)
			require.NoError(t, err)
			require.NoError(t, c.Move(billing.ChargeCollecting, "", c.NextAttemptAt))
			return tx.UpdateCharge(t.Context(), c)
		}))
		given, err := b.payOne(t.Context(), tok, other)
		require.NoError(t, err)
		require.Equal(t, recovery.Confirmation{Charge: p.Charges[1].ID, State: recovery.StateProcessing}, given)
	})
}

func TestAnotherCardWantsConsent(t *testing.T) {
	eachEngine(t, func(t *testing.T, b *bench) {
		p := b.plan()
		tok := b.open(p, 2)
		_, err := b.payOne(t.Context(), tok, recovery.PayRequest{})
		require.ErrorIs(t, err, recovery.ErrNoConsent)
		_, err = b.service.SaveCard(t.Context(), tok, nil)
		require.ErrorIs(t, err, recovery.ErrNoConsent)
		consents, err := b.Store.Consents(t.Context(), billing.ConsentFilter{Customer: p.Customer.ID})
		require.NoError(t, err)
		require.Empty(t, consents)
	})
}

func TestALinkPaysNothingOfOthers(t *testing.T) {
	eachEngine(t, func(t *testing.T, b *bench) {
		one, stranger := b.plan(), b.plan()
		tok := b.open(one, 2)
		for _, id := range []billing.ChargeID{stranger.Charges[1].ID, one.Charges[2].ID, "chg_none"} {
			_, err := b.payOne(t.Context(), tok, recovery.PayRequest{Charges: []billing.ChargeID{id}, Saved: true})
			require.ErrorIs(t, err, recovery.ErrNotYours, id)
		}
	})
}

func TestAChangedAmountIsNotHandedOut(t *testing.T) {
	eachEngine(t, func(t *testing.T, b *bench) {
		p := b.plan()
		tok := b.open(p, 2)
		_, err := b.payOne(t.Context(), tok, recovery.PayRequest{Saved: true})
		require.NoError(t, err)
		require.NoError(t, b.Store.Update(t.Context(), func(tx billing.Tx) error {
			c, err := tx.Charge(t.Context(), p.Charges[1].ID)
			require.NoError(t, err)
			c.Amount++
			return tx.UpdateCharge(t.Context(), c)
		}))
		_, err = b.payOne(t.Context(), tok, recovery.PayRequest{Saved: true})
		require.ErrorIs(t, err, recovery.ErrDiffers)
	})
}

func TestTheConsentIsKeptWithTheCardThatWasSaved(t *testing.T) {
	eachEngine(t, func(t *testing.T, b *bench) {
		p := b.plan()
		tok := b.open(p, 2)
		given, err := b.payOne(t.Context(), tok, other)
		require.NoError(t, err)
		require.Error(t, b.Pay(given.ClientSecret, stripesim.PaymentDetails{Card: &stripesim.Card{Number: "4000000000009995"}, SetupFutureUsage: "off_session"}))
		b.advance(time.Minute)
		given, err = b.payOne(t.Context(), tok, other)
		require.NoError(t, err)
		require.NoError(t, b.Pay(given.ClientSecret, stripesim.PaymentDetails{Card: &stripesim.Card{Number: "5555555555554444"}, SetupFutureUsage: "off_session"}))
		b.Settle()
		card, err := b.Store.Card(t.Context(), b.Details(p.Plan.ID).Plan.CardID)
		require.NoError(t, err)
		require.Equal(t, "4444", card.Last4)
		consents, err := b.Store.Consents(t.Context(), billing.ConsentFilter{Card: card.ID})
		require.NoError(t, err)
		require.Len(t, consents, 1)
		require.Equal(t, b.Now(), consents[0].AcceptedAt, "the one that was given for this card")
		require.Equal(t, "192.0.2.1", consents[0].Address)
		all, err := b.Store.Consents(t.Context(), billing.ConsentFilter{Customer: p.Customer.ID})
		require.NoError(t, err)
		require.Len(t, all, 2)
	})
}

func TestARemovedCardIsChargedForNothingMore(t *testing.T) {
	eachEngine(t, func(t *testing.T, b *bench) {
		p := b.plan()
		card, err := b.service.RemoveCard(t.Context(), b.open(p, 2))
		require.NoError(t, err)
		require.Equal(t, p.Plan.CardID, card.ID)
		b.advance(32 * 24 * time.Hour)
		b.Settle()
		after := b.Details(p.Plan.ID)
		require.Equal(t, billing.ChargeRequiresPaymentMethod, after.Charges[1].Status)
		require.Empty(t, b.tookMoney(after.Charges[1]))
		pm, err := b.Gateway.PaymentMethod(t.Context(), card.PaymentMethod)
		require.NoError(t, err)
		require.Empty(t, pm.Customer)
		_, err = b.service.RemoveCard(t.Context(), b.open(p, 2))
		require.ErrorIs(t, err, recovery.ErrNotYours, "there is none any more")
	})
}

func TestRemoveCard_StripeUnavailable(t *testing.T) {
	eachEngine(t, func(t *testing.T, b *bench) {
		p := b.plan()
		b.Gateway.DetachFails = &billing.GatewayError{Kind: billing.GatewayUnknown}
		card, err := b.service.RemoveCard(t.Context(), b.open(p, 2))
		require.Error(t, err)
		require.NotEmpty(t, card.ID)
		b.advance(32 * 24 * time.Hour)
		b.Settle()
		require.Empty(t, b.tookMoney(p.Charges[1]))
		require.Equal(t, billing.ChargeRequiresPaymentMethod, b.Details(p.Plan.ID).Charges[1].Status)
	})
}

func TestAnotherCardTakesOverWithoutAPayment(t *testing.T) {
	eachEngine(t, func(t *testing.T, b *bench) {
		p := b.planWith(noFundsCard)
		b.advance(p.Charges[1].DueAt.Sub(b.Now()) + time.Second)
		b.Settle()
		given, err := b.service.SaveCard(t.Context(), b.open(p, 2), evidence())
		require.NoError(t, err)
		_, err = b.Browser.ConfirmCardSetup(t.Context(), given.ClientSecret.Reveal(), stripesim.PaymentDetails{Card: &stripesim.Card{Number: goodCard}})
		require.NoError(t, err)
		b.Settle()
		b.advance(10 * 24 * time.Hour)
		b.Settle()
		after := b.Details(p.Plan.ID)
		require.Equal(t, billing.ChargeSucceeded, after.Charges[1].Status)
		consents, err := b.Store.Consents(t.Context(), billing.ConsentFilter{Card: after.Plan.CardID})
		require.NoError(t, err)
		require.Len(t, consents, 1)
		require.Empty(t, consents[0].ChargeID)
	})
}

func TestARenewedLinkIsMailedOnceADayAndOnlyWhereThereIsSomethingToSay(t *testing.T) {
	eachEngine(t, func(t *testing.T, b *bench) {
		p := b.planWith(noFundsCard)
		b.advance(p.Charges[1].DueAt.Sub(b.Now()) + time.Second)
		b.Settle()
		tok := b.open(p, 2)
		count := func() int {
			n, err := b.Store.Notices(t.Context(), billing.NoticeFilter{Plan: p.Plan.ID})
			require.NoError(t, err)
			return len(n)
		}
		before := count()
		require.NoError(t, b.service.Renew(t.Context(), "made-up"))
		require.Equal(t, before, count())
		require.NoError(t, b.service.Renew(t.Context(), tok))
		require.NoError(t, b.service.Renew(t.Context(), tok))
		require.Equal(t, before+1, count())
		b.advance(24 * time.Hour)
		require.NoError(t, b.service.Renew(t.Context(), tok))
		require.Equal(t, before+2, count())
		notices, err := b.Store.Notices(t.Context(), billing.NoticeFilter{Plan: p.Plan.ID})
		require.NoError(t, err)
		require.Equal(t, billing.NoticePaymentFailed, notices[0].Kind)
		require.Equal(t, billing.ReasonFunds, notices[0].Data.FailureReason)
		require.Equal(t, "ada@example.com", notices[0].To)

		links, err := b.Store.PayLinks(t.Context(), p.Plan.ID)
		require.NoError(t, err)
		require.NoError(t, b.links(firstKey).Revoke(t.Context(), links[0].ID))
		b.advance(24 * time.Hour)
		require.NoError(t, b.service.Renew(t.Context(), tok))
		require.Equal(t, before+2, count(), "a revoked link is not renewed")
	})
}

// TestRenew_Checkout requires that a customer whose link to an unpaid checkout has expired gets a
// new one, however late.
func TestRenew_Checkout(t *testing.T) {
	eachEngine(t, func(t *testing.T, b *bench) {
		created, err := b.Planner.Create(t.Context(), planning.Request{Terms: terms.Terms{
			Reference: "order-1", Kind: billing.KindInstallments, Currency: "eur", Total: 90000, Parts: 3, Every: "1 month",
			Customer: terms.Customer{Reference: "eve", Email: "eve@example.com"},
		}})
		require.NoError(t, err)
		for want, p := range map[string]billing.Details{"is still open": b.Details(created.Plan.ID), "give us a card": b.awaitingCard("2026-03-01")} {
			tok := b.open(p, 1)
			b.advance(20 * 24 * time.Hour)
			require.NoError(t, b.service.Renew(t.Context(), tok))
			claims, err := b.Store.ClaimNotices(t.Context(), b.Now(), b.Now().Add(lease), 10)
			require.NoError(t, err)
			require.Len(t, claims, 1)
			b.Do(task.ForNotice(claims[0]))
			n, err := b.Store.Notice(t.Context(), claims[0].NoticeID)
			require.NoError(t, err)
			require.Equal(t, billing.NoticeSent, n.Status, n.Reason)
			require.Equal(t, billing.NoticeCheckoutReminder, n.Kind)
			require.Equal(t, p.Plan.ID, n.PlanID)
			require.Contains(t, n.Subject, want)
		}
	})
}
