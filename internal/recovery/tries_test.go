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
func (b *bench) declines(p billing.Details) int {
	b.t.Helper()
	n, err := b.Store.CountCardTries(b.t.Context(), billing.CardTryFilter{Kind: billing.CardTryDeclined, Customer: p.Customer.ID})
	require.NoError(b.t, err)
	return n
}

// overdue makes a plan whose second charge fell due and was declined.
func (b *bench) overdue() billing.Details {
	b.t.Helper()
	p := b.planWith(noFundsCard)
	b.advance(p.Charges[1].DueAt.Sub(b.Now()) + time.Second)
	b.Settle()
	return b.Details(p.Plan.ID)
}

// intents counts the PaymentIntents that were made for a charge.
func (b *bench) intents(c billing.Charge) (n int) {
	b.t.Helper()
	for _, raw := range b.Sim.PaymentIntents() {
		var pi struct{ Metadata map[string]string }
		require.NoError(b.t, json.Unmarshal(raw, &pi))
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
			b := newBench(t, s)
			p := b.overdue()
			tok, tried := b.open(p, 2), 0
			var last billing.Secret
			for {
				given, err := b.payOne(t.Context(), tok, recovery.PayRequest{Evidence: evidence(), Address: "192.0.2.1"})
				if err != nil {
					require.ErrorIs(t, err, recovery.ErrLocked)
					break
				}
				last = given.ClientSecret
				tried += b.testCards(last, outrun)
				require.Less(t, tried, 50)
			}
			require.Equal(t, tried, b.declines(p), "every decline is on record")
			require.LessOrEqual(t, tried, billing.DefaultCardTries+1)
			require.Equal(t, 1, b.intents(p.Charges[1]), "no new PaymentIntent is made")
			require.Error(t, b.Pay(last, stripesim.PaymentDetails{Card: &stripesim.Card{Number: goodCard}}), "a secret that was handed out is worthless")
			_, err := b.service.SaveCard(t.Context(), tok, evidence())
			require.ErrorIs(t, err, recovery.ErrLocked)
			v, err := b.service.Page(t.Context(), b.open(p, 1))
			require.NoError(t, err)
			require.True(t, v.Locked, "another link is locked too")

			b.unlocks(p, outrun)
			given, err := b.payOne(t.Context(), b.open(p, 2), other)
			require.NoError(t, err)
			require.NoError(t, b.Pay(given.ClientSecret, stripesim.PaymentDetails{Card: &stripesim.Card{Number: goodCard}, SetupFutureUsage: "off_session"}))
			b.Settle()
			require.Len(t, b.tookMoney(p.Charges[1]), 1)
		})
	}
}

// unlocks allows the customer to pay again: after some time, or by the merchant.
func (b *bench) unlocks(p billing.Details, byTime bool) {
	b.t.Helper()
	incidents, err := b.Store.Incidents(b.t.Context(), billing.IncidentFilter{Open: true, Plan: p.Plan.ID})
	require.NoError(b.t, err)
	require.Len(b.t, incidents, 1)
	require.Equal(b.t, billing.IncidentCardTesting, incidents[0].Kind)
	if byTime {
		b.advance(24*time.Hour + time.Second)
		return
	}
	b.advance(time.Second)
	require.NoError(b.t, b.Store.Update(b.t.Context(), func(tx billing.Tx) error {
		_, err := tx.CloseIncident(b.t.Context(), incidents[0].ID, "it was the customer", b.Now())
		return err
	}))
}

// testCards tries a stolen card until the PaymentIntent is canceled, and returns how often it was
// declined.
func (b *bench) testCards(secret billing.Secret, outrun bool) (declined int) {
	b.t.Helper()
	for {
		require.Error(b.t, b.Pay(secret, stripesim.PaymentDetails{Card: &stripesim.Card{Number: declinedCard}}))
		declined++
		if !outrun {
			b.Settle()
		}
		intent, err := b.Browser.RetrievePaymentIntent(b.t.Context(), secret.Reveal())
		require.NoError(b.t, err)
		if intent.Status == "canceled" {
			b.Settle()
			return declined
		}
	}
}

func TestPay_FiveMistypedCards(t *testing.T) {
	eachEngine(t, func(t *testing.T, b *bench) {
		p := b.overdue()
		tok := b.open(p, 2)
		for range 5 {
			given, err := b.payOne(t.Context(), tok, other)
			require.NoError(t, err)
			require.Error(t, b.Pay(given.ClientSecret, stripesim.PaymentDetails{Card: &stripesim.Card{Number: declinedCard}}))
			b.Settle()
		}
		require.Equal(t, 5, b.declines(p), "every decline is on record, and our own is not the customer's")
		given, err := b.payOne(t.Context(), tok, other)
		require.NoError(t, err)
		require.NoError(t, b.Pay(given.ClientSecret, stripesim.PaymentDetails{Card: &stripesim.Card{Number: goodCard}, SetupFutureUsage: "off_session"}))
		b.Settle()
		require.Len(t, b.tookMoney(p.Charges[1]), 1)
	})
}

// TestSaveCard_CardTesting tries stolen cards by saving them, each SetupIntent until it no longer
// works.
func TestSaveCard_CardTesting(t *testing.T) {
	eachEngine(t, func(t *testing.T, b *bench) {
		p := b.plan()
		tok, tried := b.open(p, 2), 0
		var last billing.Secret
		for tried < 50 {
			given, err := b.service.SaveCard(t.Context(), tok, evidence())
			if err != nil {
				require.ErrorIs(t, err, recovery.ErrLocked)
				break
			}
			for last = given.ClientSecret; tried < 50; tried++ {
				_, err := b.Browser.ConfirmCardSetup(t.Context(), last.Reveal(), stripesim.PaymentDetails{Card: &stripesim.Card{Number: declinedCard}})
				require.Error(t, err)
				b.Settle()
				intent, err := b.Browser.RetrieveSetupIntent(t.Context(), last.Reveal())
				require.NoError(t, err)
				if intent.Status == "canceled" {
					break
				}
			}
		}
		require.Equal(t, billing.DefaultCardTries, b.declines(p))
		_, err := b.Browser.ConfirmCardSetup(t.Context(), last.Reveal(), stripesim.PaymentDetails{Card: &stripesim.Card{Number: goodCard}})
		require.Error(t, err, "a secret that was handed out is worthless")
		b.unlocks(p, false)
		_, err = b.service.SaveCard(t.Context(), tok, evidence())
		require.NoError(t, err)
	})
}

func TestPay_CardTestingFromOneAddress(t *testing.T) {
	eachEngine(t, func(t *testing.T, b *bench) {
		p := b.overdue()
		stranger := billing.Customer{ID: billing.NewCustomerID(b.Now()), Reference: "stranger", CreatedAt: b.Now(), UpdatedAt: b.Now()}
		require.NoError(t, b.Store.Update(t.Context(), func(tx billing.Tx) error {
			require.NoError(t, tx.InsertCustomer(t.Context(), stranger))
			for range 3 * billing.DefaultCardTries {
				_, err := tx.InsertCardTry(t.Context(), billing.CardTry{
					ID: billing.NewCardTryID(b.Now()), Kind: billing.CardTryDeclined, CustomerID: stranger.ID, Intent: "pi_of_others",
					Address: "192.0.2.66", At: b.Now().Add(-2 * time.Hour),
				})
				require.NoError(t, err)
			}
			return nil
		}))
		_, err := b.payOne(t.Context(), b.open(p, 2), recovery.PayRequest{Saved: true, Address: "192.0.2.66"})
		require.ErrorIs(t, err, recovery.ErrLocked)
		_, err = b.payOne(t.Context(), b.open(p, 2), recovery.PayRequest{Saved: true, Address: "192.0.2.67"})
		require.NoError(t, err, "a customer from another address may pay")
	})
}
