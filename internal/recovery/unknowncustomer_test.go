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
func (d *desk) imported(card string) billing.Details {
	d.t.Helper()
	p := d.plan()
	require.NoError(d.t, d.store.Update(d.t.Context(), func(tx billing.Tx) error {
		customer, err := tx.Customer(d.t.Context(), p.Customer.ID)
		if err != nil {
			return err
		}
		customer.StripeCustomer = neverWas
		if err := tx.UpdateCustomer(d.t.Context(), customer); err != nil {
			return err
		}
		saved, err := tx.Card(d.t.Context(), p.Plan.CardID)
		if err != nil {
			return err
		}
		saved.StripeCustomer = neverWas
		if card == "" {
			return tx.UpdateCard(d.t.Context(), saved)
		}
		other := saved
		other.ID, other.PaymentMethod = billing.NewCardID(d.clock()), card
		if err := tx.InsertCard(d.t.Context(), other); err != nil {
			return err
		}
		plan, err := tx.LockPlan(d.t.Context(), p.Plan.ID)
		if err != nil {
			return err
		}
		plan.CardID = other.ID
		saved.Status, saved.StripeCustomer = billing.CardDetached, "cus_before"
		if err := tx.UpdateCard(d.t.Context(), saved); err != nil {
			return err
		}
		return tx.UpdatePlan(d.t.Context(), plan)
	}))
	return d.details(p.Plan.ID)
}

// requireNewCustomer requires that the plan's card belongs to an existing Stripe customer, and that
// the plan is charged on it.
func (d *desk) requireNewCustomer(p billing.Details) {
	d.t.Helper()
	d.settle()
	after := d.details(p.Plan.ID)
	card, err := d.store.Card(d.t.Context(), after.Plan.CardID)
	require.NoError(d.t, err)
	require.NotEqual(d.t, p.Plan.CardID, card.ID)
	require.Equal(d.t, after.Customer.StripeCustomer, card.StripeCustomer)
	exists, err := d.gateway.CustomerExists(d.t.Context(), card.StripeCustomer)
	require.NoError(d.t, err)
	require.True(d.t, exists)
	d.advance(p.Charges[2].DueAt.Sub(d.clock()) + time.Second)
	d.settle()
	charges := d.details(p.Plan.ID).Charges
	require.Equal(d.t, billing.ChargeSucceeded, charges[1].Status)
	require.Equal(d.t, billing.ChargeSucceeded, charges[2].Status)
	require.Len(d.t, d.tookMoney(charges[1]), 1)
}

func (d *desk) payWithNewCard(token string) {
	d.t.Helper()
	given, err := d.payOne(d.t.Context(), token, other)
	require.NoError(d.t, err)
	require.NotEmpty(d.t, given.ClientSecret.Reveal())
	require.NoError(d.t, d.confirm(given.ClientSecret, stripesim.PaymentDetails{Card: &stripesim.Card{Number: goodCard}, SetupFutureUsage: "off_session"}))
}

// TestUnknownCustomer_Pay requires a new Stripe customer when the customer pays with a new card:
// before the charge is due, and after the worker found the Stripe customer missing.
func TestUnknownCustomer_Pay(t *testing.T) {
	eachEngine(t, func(t *testing.T, d *desk) {
		for _, due := range []bool{false, true} {
			p := d.imported("")
			if due {
				d.advance(p.Charges[1].DueAt.Sub(d.clock()) + time.Second)
				d.settle()
				require.Equal(t, billing.ChargeRequiresPaymentMethod, d.details(p.Plan.ID).Charges[1].Status)
			}
			d.payWithNewCard(d.open(p, 2))
			d.requireNewCustomer(p)
		}
	})
}

func TestUnknownCustomer_SaveCard(t *testing.T) {
	eachEngine(t, func(t *testing.T, d *desk) {
		p := d.imported("")
		given, err := d.SaveCard(t.Context(), d.open(p, 2), evidence())
		require.NoError(t, err)
		_, err = d.browser.ConfirmCardSetup(t.Context(), given.ClientSecret.Reveal(), stripesim.PaymentDetails{Card: &stripesim.Card{Number: goodCard}})
		require.NoError(t, err)
		d.requireNewCustomer(p)
	})
}

// TestUnknownCustomer_SavedCard can't pay with the saved card: the page is loaded again, and asks
// for another card.
func TestUnknownCustomer_SavedCard(t *testing.T) {
	eachEngine(t, func(t *testing.T, d *desk) {
		p := d.imported("")
		_, err := d.payOne(t.Context(), d.open(p, 2), recovery.PayRequest{Saved: true})
		require.ErrorIs(t, err, recovery.ErrNotYours)
		d.payWithNewCard(d.open(p, 2))
		d.requireNewCustomer(p)
	})
}

// TestUnknownCustomer_AndCard: the key may belong to another account, so nothing is changed unless
// Stripe confirms the database's account.
func TestUnknownCustomer_AndCard(t *testing.T) {
	eachEngine(t, func(t *testing.T, d *desk) {
		p := d.imported("pm_neverWas")
		for _, own := range []func(context.Context) bool{nil, func(context.Context) bool { return false }} {
			d.OwnAccount = own
			_, err := d.payOne(t.Context(), d.open(p, 2), other)
			require.ErrorIs(t, err, billing.ErrUnavailable)
			_, err = d.SaveCard(t.Context(), d.open(p, 2), evidence())
			require.ErrorIs(t, err, billing.ErrUnavailable)
			after := d.details(p.Plan.ID)
			require.Equal(t, neverWas, after.Customer.StripeCustomer)
			card, err := d.store.Card(t.Context(), after.Plan.CardID)
			require.NoError(t, err)
			require.Equal(t, billing.CardActive, card.Status)
		}
		d.OwnAccount = func(context.Context) bool { return true }
		d.payWithNewCard(d.open(p, 2))
		d.requireNewCustomer(p)
	})
}
