package jobs_test

import (
	"context"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/collect"
	"tranche/internal/stripegw"
	"tranche/internal/stripesim"
	"tranche/jobs"
)

// otherAccount is the gateway of a key that belongs to another Stripe account.
func (b *bench) otherAccount() billing.Gateway {
	sim := stripesim.New(stripesim.Options{Now: b.Now, Account: stripesim.Account{ID: "acct_other"}})
	sim.Connect(b.Account)
	server := httptest.NewServer(sim)
	b.t.Cleanup(func() { sim.Close(); server.Close() })
	g, err := stripegw.New(stripegw.Config{SecretKey: "sk_test_other", APIBase: server.URL, HTTPTimeout: 5 * time.Second})
	require.NoError(b.t, err)
	return g
}

// TestWrongAccount_Charge replaces the key by one of another account, unnoticed by the binding. The
// charge waits, no mail is sent, no card is marked, and the right key makes the charge.
func TestWrongAccount_Charge(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.Started(good, nil)
		suspected := 0
		b.With(func(c *jobs.Config) { c.Permits = collect.Permits{Suspect: func() { suspected++ }} })
		right, mails := b.Gateway.Gateway, len(b.Mails.Mails)
		b.Gateway.Gateway = b.otherAccount()
		b.SetNow(b.Charge(p.Plan.ID, 2).DueAt)
		for range 30 { // until Stripe has forgotten the key, and the attempt is looked up
			b.RunDue()
			b.SetNow(b.Now().Add(time.Hour))
		}
		require.Equal(b.t, billing.ChargeCollecting, b.Charge(p.Plan.ID, 2).Status)
		require.Len(b.t, b.Details(p.Plan.ID).Attempts[b.Charge(p.Plan.ID, 2).ID], 1, "no new key")
		require.Equal(b.t, billing.CardActive, b.cardOf(p.Plan.ID).Status)
		require.Len(b.t, b.Mails.Mails, mails)
		require.Positive(b.t, suspected)
		open, err := b.Store.Incidents(b.t.Context(), billing.IncidentFilter{Open: true})
		require.NoError(b.t, err)
		require.Len(b.t, open, 1)
		require.Equal(b.t, billing.IncidentWrongAccount, open[0].Kind)

		b.Gateway.Gateway = right
		for range 3 {
			b.Settle()
			b.SetNow(b.Now().Add(time.Hour))
		}
		require.Equal(b.t, billing.ChargeSucceeded, b.Charge(p.Plan.ID, 2).Status)
		open, err = b.Store.Incidents(b.t.Context(), billing.IncidentFilter{Open: true})
		require.NoError(b.t, err)
		require.Empty(b.t, open)
	})
}

// TestWrongAccount_Events handles events with the key of another account.
func TestWrongAccount_Events(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.Started(good, nil)
		card := b.cardOf(p.Plan.ID)
		right := b.Gateway.Gateway
		b.Gateway.Gateway = b.otherAccount()
		b.hear("evt_card", "payment_method.updated", card.PaymentMethod)
		b.hear("evt_gone", "customer.deleted", card.StripeCustomer)
		b.hear("evt_paid", "payment_intent.succeeded", p.FirstPayment.ID)
		b.RunDue()
		require.Equal(b.t, billing.CardActive, b.cardOf(p.Plan.ID).Status)
		for _, id := range []string{"evt_card", "evt_gone", "evt_paid"} {
			e, err := b.Store.Event(b.t.Context(), id)
			require.NoError(b.t, err)
			require.Equal(b.t, billing.EventPending, e.Status, id)
			require.Contains(b.t, e.Reason, "another account", id)
		}
		b.Gateway.Gateway = right
		b.SetNow(b.Now().Add(time.Hour))
		b.Settle()
		for _, id := range []string{"evt_card", "evt_gone", "evt_paid"} {
			e, err := b.Store.Event(b.t.Context(), id)
			require.NoError(b.t, err)
			require.NotEqual(b.t, billing.EventPending, e.Status, id)
		}
		require.Equal(b.t, billing.CardActive, b.cardOf(p.Plan.ID).Status)
	})
}

// TestUnknownCustomerAndCard_OwnAccount has a plan whose customer and card Stripe never knew, as
// after an import. Stripe names the account as the database's, so the customer is asked for a card.
func TestUnknownCustomerAndCard_OwnAccount(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.Started(good, nil)
		b.With(func(c *jobs.Config) {
			c.Permits = collect.Permits{OwnAccount: func(context.Context) bool { return true }}
		})
		require.NoError(b.t, b.Store.Update(b.t.Context(), func(tx billing.Tx) error {
			card := b.cardOf(p.Plan.ID)
			never := card
			never.ID, never.PaymentMethod, never.StripeCustomer = billing.NewCardID(b.Now()), "pm_neverWas", "cus_neverWas"
			if err := tx.InsertCard(b.t.Context(), never); err != nil {
				return err
			}
			plan, err := tx.LockPlan(b.t.Context(), p.Plan.ID)
			if err != nil {
				return err
			}
			plan.CardID = never.ID
			return tx.UpdatePlan(b.t.Context(), plan)
		}))
		b.SetNow(b.Charge(p.Plan.ID, 2).DueAt)
		b.Settle()
		require.Equal(b.t, billing.ChargeRequiresPaymentMethod, b.Charge(p.Plan.ID, 2).Status)
		open, err := b.Store.Incidents(b.t.Context(), billing.IncidentFilter{Open: true, Limit: 10})
		require.NoError(b.t, err)
		require.Empty(b.t, open)
	})
}
