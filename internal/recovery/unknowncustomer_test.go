package recovery_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/recovery"
	"tranche/internal/stripesim"
)

// neverWas is the id of a Stripe customer that never existed.
const neverWas = "cus_neverWas"

// imported makes a plan with a Stripe customer that never existed, for the customer and for the
// card, as after an import of a file with wrong ids. Stripe has the card itself, unless card is the
// id of another one.
func (b *bench) imported(card string) billing.Details {
	b.t.Helper()
	p := b.plan()
	require.NoError(b.t, b.Store.Update(b.t.Context(), func(tx billing.Tx) error {
		customer, err := tx.Customer(b.t.Context(), p.Customer.ID)
		if err != nil {
			return err
		}
		customer.StripeCustomer = neverWas
		if err := tx.UpdateCustomer(b.t.Context(), customer); err != nil {
			return err
		}
		saved, err := tx.Card(b.t.Context(), p.Plan.CardID)
		if err != nil {
			return err
		}
		saved.StripeCustomer = neverWas
		if card == "" {
			return tx.UpdateCard(b.t.Context(), saved)
		}
		other := saved
		other.ID, other.PaymentMethod = billing.NewCardID(b.Now()), card
		if err := tx.InsertCard(b.t.Context(), other); err != nil {
			return err
		}
		plan, err := tx.LockPlan(b.t.Context(), p.Plan.ID)
		if err != nil {
			return err
		}
		plan.CardID = other.ID
		saved.Status, saved.StripeCustomer = billing.CardDetached, "cus_before"
		if err := tx.UpdateCard(b.t.Context(), saved); err != nil {
			return err
		}
		return tx.UpdatePlan(b.t.Context(), plan)
	}))
	return b.Details(p.Plan.ID)
}

// requireNewCustomer requires that the plan's card belongs to an existing Stripe customer, and that
// the plan is charged on it.
func (b *bench) requireNewCustomer(p billing.Details) {
	b.t.Helper()
	b.Settle()
	after := b.Details(p.Plan.ID)
	card, err := b.Store.Card(b.t.Context(), after.Plan.CardID)
	require.NoError(b.t, err)
	require.NotEqual(b.t, p.Plan.CardID, card.ID)
	require.Equal(b.t, after.Customer.StripeCustomer, card.StripeCustomer)
	exists, err := b.Gateway.CustomerExists(b.t.Context(), card.StripeCustomer)
	require.NoError(b.t, err)
	require.True(b.t, exists)
	b.advance(p.Charges[2].DueAt.Sub(b.Now()) + time.Second)
	b.Settle()
	charges := b.Details(p.Plan.ID).Charges
	require.Equal(b.t, billing.ChargeSucceeded, charges[1].Status)
	require.Equal(b.t, billing.ChargeSucceeded, charges[2].Status)
	require.Len(b.t, b.tookMoney(charges[1]), 1)
}

func (b *bench) payWithNewCard(token string) {
	b.t.Helper()
	given, err := b.payOne(b.t.Context(), token, other)
	require.NoError(b.t, err)
	require.NotEmpty(b.t, given.ClientSecret.Reveal())
	require.NoError(b.t, b.Pay(given.ClientSecret, stripesim.PaymentDetails{Card: &stripesim.Card{Number: goodCard}, SetupFutureUsage: "off_session"}))
}

// TestUnknownCustomer_Pay requires a new Stripe customer when the customer pays with a new card:
// before the charge is due, and after the worker found the Stripe customer missing.
func TestUnknownCustomer_Pay(t *testing.T) {
	eachEngine(t, func(t *testing.T, b *bench) {
		for _, due := range []bool{false, true} {
			p := b.imported("")
			if due {
				b.advance(p.Charges[1].DueAt.Sub(b.Now()) + time.Second)
				b.Settle()
				require.Equal(t, billing.ChargeRequiresPaymentMethod, b.Details(p.Plan.ID).Charges[1].Status)
			}
			b.payWithNewCard(b.open(p, 2))
			b.requireNewCustomer(p)
		}
	})
}

func TestUnknownCustomer_SaveCard(t *testing.T) {
	eachEngine(t, func(t *testing.T, b *bench) {
		p := b.imported("")
		given, err := b.service.SaveCard(t.Context(), b.open(p, 2), evidence())
		require.NoError(t, err)
		_, err = b.Browser.ConfirmCardSetup(t.Context(), given.ClientSecret.Reveal(), stripesim.PaymentDetails{Card: &stripesim.Card{Number: goodCard}})
		require.NoError(t, err)
		b.requireNewCustomer(p)
	})
}

// TestUnknownCustomer_SavedCard can't pay with the saved card: the page is loaded again, and asks
// for another card.
func TestUnknownCustomer_SavedCard(t *testing.T) {
	eachEngine(t, func(t *testing.T, b *bench) {
		p := b.imported("")
		_, err := b.payOne(t.Context(), b.open(p, 2), recovery.PayRequest{Saved: true})
		require.ErrorIs(t, err, recovery.ErrNotYours)
		b.payWithNewCard(b.open(p, 2))
		b.requireNewCustomer(p)
	})
}

// TestUnknownCustomer_AndCard: the key may belong to another account, so nothing is changed unless
// Stripe confirms the database's account.
func TestUnknownCustomer_AndCard(t *testing.T) {
	eachEngine(t, func(t *testing.T, b *bench) {
		p := b.imported("pm_neverWas")
		for _, own := range []func(context.Context) bool{nil, func(context.Context) bool { return false }} {
			b.service.OwnAccount = own
			_, err := b.payOne(t.Context(), b.open(p, 2), other)
			require.ErrorIs(t, err, billing.ErrUnavailable)
			_, err = b.service.SaveCard(t.Context(), b.open(p, 2), evidence())
			require.ErrorIs(t, err, billing.ErrUnavailable)
			after := b.Details(p.Plan.ID)
			require.Equal(t, neverWas, after.Customer.StripeCustomer)
			card, err := b.Store.Card(t.Context(), after.Plan.CardID)
			require.NoError(t, err)
			require.Equal(t, billing.CardActive, card.Status)
		}
		b.service.OwnAccount = func(context.Context) bool { return true }
		b.payWithNewCard(b.open(p, 2))
		b.requireNewCustomer(p)
	})
}
