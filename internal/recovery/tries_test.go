package recovery_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/recovery"
	"tranche/internal/store/storetest"
	"tranche/internal/stripesim"
)

const declinedCard = "4000000000000002"

// declines counts the customer's declined cards on record.
func (d *desk) declines(p billing.Details) int {
	d.t.Helper()
	n, err := d.store.CountCardTries(d.t.Context(), billing.CardTryFilter{Kind: billing.CardTryDeclined, Customer: p.Customer.ID})
	require.NoError(d.t, err)
	return n
}

// overdue makes a plan whose second charge fell due and was declined.
func (d *desk) overdue() billing.Details {
	d.t.Helper()
	p := d.planWith(noFundsCard)
	d.advance(p.Charges[1].DueAt.Sub(d.clock()) + time.Second)
	d.settle()
	return d.details(p.Plan.ID)
}

// intents counts the PaymentIntents that were made for a charge.
func (d *desk) intents(c billing.Charge) (n int) {
	d.t.Helper()
	for _, raw := range d.sim.PaymentIntents() {
		var pi struct{ Metadata map[string]string }
		require.NoError(d.t, json.Unmarshal(raw, &pi))
		if pi.Metadata[billing.MetaCharge] == string(c.ID) {
			n++
		}
	}
	return n
}

// TestPay_CardTesting tries stolen cards on one link, each client secret until it no longer works,
// as an attacker does: with a worker that keeps up with the events, and faster than the worker.
func TestPay_CardTesting(t *testing.T) {
	t.Parallel()
	for _, outrun := range []bool{false, true} {
		storetest.EachEngine(t, func(t *testing.T, s billing.Store) {
			d := newDesk(t, s)
			p := d.overdue()
			tok, tried := d.open(p, 2), 0
			var last billing.Secret
			for {
				given, err := d.payOne(t.Context(), tok, recovery.PayRequest{Evidence: evidence(), Address: "192.0.2.1"})
				if err != nil {
					require.ErrorIs(t, err, recovery.ErrLocked)
					break
				}
				last = given.ClientSecret
				tried += d.testCards(last, outrun)
				require.Less(t, tried, 50)
			}
			require.Equal(t, tried, d.declines(p), "every decline is on record")
			require.LessOrEqual(t, tried, billing.DefaultCardTries+1)
			require.Equal(t, 1, d.intents(p.Charges[1]), "no new PaymentIntent is made")
			require.Error(t, d.confirm(last, stripesim.PaymentDetails{Card: &stripesim.Card{Number: goodCard}}), "a secret that was handed out is worthless")
			_, err := d.SaveCard(t.Context(), tok, evidence())
			require.ErrorIs(t, err, recovery.ErrLocked)
			v, err := d.Page(t.Context(), d.open(p, 1))
			require.NoError(t, err)
			require.True(t, v.Locked, "another link is locked too")

			d.unlocks(p, outrun)
			given, err := d.payOne(t.Context(), d.open(p, 2), other)
			require.NoError(t, err)
			require.NoError(t, d.confirm(given.ClientSecret, stripesim.PaymentDetails{Card: &stripesim.Card{Number: goodCard}, SetupFutureUsage: "off_session"}))
			d.settle()
			require.Len(t, d.tookMoney(p.Charges[1]), 1)
		})
	}
}

// unlocks allows the customer to pay again: after some time, or by the merchant.
func (d *desk) unlocks(p billing.Details, byTime bool) {
	d.t.Helper()
	incidents, err := d.store.Incidents(d.t.Context(), billing.IncidentFilter{Open: true, Plan: p.Plan.ID})
	require.NoError(d.t, err)
	require.Len(d.t, incidents, 1)
	require.Equal(d.t, billing.IncidentCardTesting, incidents[0].Kind)
	if byTime {
		d.advance(24*time.Hour + time.Second)
		return
	}
	d.advance(time.Second)
	require.NoError(d.t, d.store.Update(d.t.Context(), func(tx billing.Tx) error {
		_, err := tx.CloseIncident(d.t.Context(), incidents[0].ID, "it was the customer", d.clock())
		return err
	}))
}

// testCards tries a stolen card until the PaymentIntent is canceled, and returns how often it was
// declined.
func (d *desk) testCards(secret billing.Secret, outrun bool) (declined int) {
	d.t.Helper()
	for {
		require.Error(d.t, d.confirm(secret, stripesim.PaymentDetails{Card: &stripesim.Card{Number: declinedCard}}))
		declined++
		if !outrun {
			d.settle()
		}
		intent, err := d.browser.RetrievePaymentIntent(d.t.Context(), secret.Reveal())
		require.NoError(d.t, err)
		if intent.Status == "canceled" {
			d.settle()
			return declined
		}
	}
}

func TestPay_FiveMistypedCards(t *testing.T) {
	eachEngine(t, func(t *testing.T, d *desk) {
		p := d.overdue()
		tok := d.open(p, 2)
		for range 5 {
			given, err := d.payOne(t.Context(), tok, other)
			require.NoError(t, err)
			require.Error(t, d.confirm(given.ClientSecret, stripesim.PaymentDetails{Card: &stripesim.Card{Number: declinedCard}}))
			d.settle()
		}
		require.Equal(t, 5, d.declines(p), "every decline is on record, and our own is not the customer's")
		given, err := d.payOne(t.Context(), tok, other)
		require.NoError(t, err)
		require.NoError(t, d.confirm(given.ClientSecret, stripesim.PaymentDetails{Card: &stripesim.Card{Number: goodCard}, SetupFutureUsage: "off_session"}))
		d.settle()
		require.Len(t, d.tookMoney(p.Charges[1]), 1)
	})
}

// TestSaveCard_CardTesting tries stolen cards by saving them, each SetupIntent until it no longer
// works.
func TestSaveCard_CardTesting(t *testing.T) {
	eachEngine(t, func(t *testing.T, d *desk) {
		p := d.plan()
		tok, tried := d.open(p, 2), 0
		var last billing.Secret
		for tried < 50 {
			given, err := d.SaveCard(t.Context(), tok, evidence())
			if err != nil {
				require.ErrorIs(t, err, recovery.ErrLocked)
				break
			}
			for last = given.ClientSecret; tried < 50; tried++ {
				_, err := d.browser.ConfirmCardSetup(t.Context(), last.Reveal(), stripesim.PaymentDetails{Card: &stripesim.Card{Number: declinedCard}})
				require.Error(t, err)
				d.settle()
				intent, err := d.browser.RetrieveSetupIntent(t.Context(), last.Reveal())
				require.NoError(t, err)
				if intent.Status == "canceled" {
					break
				}
			}
		}
		require.Equal(t, billing.DefaultCardTries, d.declines(p))
		_, err := d.browser.ConfirmCardSetup(t.Context(), last.Reveal(), stripesim.PaymentDetails{Card: &stripesim.Card{Number: goodCard}})
		require.Error(t, err, "a secret that was handed out is worthless")
		d.unlocks(p, false)
		_, err = d.SaveCard(t.Context(), tok, evidence())
		require.NoError(t, err)
	})
}

func TestPay_CardTestingFromOneAddress(t *testing.T) {
	eachEngine(t, func(t *testing.T, d *desk) {
		p := d.overdue()
		stranger := billing.Customer{ID: billing.NewCustomerID(d.clock()), Reference: "stranger", CreatedAt: d.clock(), UpdatedAt: d.clock()}
		require.NoError(t, d.store.Update(t.Context(), func(tx billing.Tx) error {
			require.NoError(t, tx.InsertCustomer(t.Context(), stranger))
			for range 3 * billing.DefaultCardTries {
				_, err := tx.InsertCardTry(t.Context(), billing.CardTry{
					ID: billing.NewCardTryID(d.clock()), Kind: billing.CardTryDeclined, CustomerID: stranger.ID, Intent: "pi_of_others",
					Address: "192.0.2.66", At: d.clock().Add(-2 * time.Hour),
				})
				require.NoError(t, err)
			}
			return nil
		}))
		_, err := d.payOne(t.Context(), d.open(p, 2), recovery.PayRequest{Saved: true, Address: "192.0.2.66"})
		require.ErrorIs(t, err, recovery.ErrLocked)
		_, err = d.payOne(t.Context(), d.open(p, 2), recovery.PayRequest{Saved: true, Address: "192.0.2.67"})
		require.NoError(t, err, "a customer from another address may pay")
	})
}
