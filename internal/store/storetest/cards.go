package storetest

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
)

func cardTests() map[string]func(*testing.T, *fixture) {
	return map[string]func(*testing.T, *fixture){
		"a removed card stays removed":  removedCard,
		"cards to detach":               cardsToDetach,
		"customers to update":           customersToUpdate,
		"what was awaited wakes events": awaitedEvents,
		"pages of customers":            pagesOfCustomers,
	}
}

// card stores an active card of a customer's.
func (f *fixture) card(customer billing.CustomerID) billing.Card {
	f.t.Helper()
	f.now = f.now.Add(time.Millisecond)
	id := billing.NewCardID(f.now)
	c := billing.Card{
		ID: id, CustomerID: customer, PaymentMethod: "pm_" + string(id), Brand: "visa", Last4: "4242", Status: billing.CardActive,
		CreatedAt: f.now, UpdatedAt: f.now,
	}
	f.update(func(tx billing.Tx) error { return tx.InsertCard(f.t.Context(), c) })
	return c
}

// removedCard: who read the card before it was removed writes it back as it was, and it is removed
// nevertheless.
func removedCard(t *testing.T, f *fixture) {
	was := f.card(f.customer().ID)
	removed := was
	removed.Status, removed.RemovedAt, removed.DetachAt = billing.CardDetached, f.now, f.now.Add(time.Hour)
	for _, c := range []billing.Card{removed, was} {
		f.update(func(tx billing.Tx) error { return tx.UpdateCard(t.Context(), c) })
		same(t, removed)(f.Card(t.Context(), was.ID))
	}
	f.update(func(tx billing.Tx) error {
		locked, err := tx.LockCards(t.Context(), was.CustomerID)
		require.Equal(t, []billing.Card{removed}, locked)
		return err
	})
}

// awaitedEvents: a row that names what an event awaits makes it pending, and no other event.
func awaitedEvents(t *testing.T, f *fixture) {
	connected := billing.Card{
		ID: billing.NewCardID(f.now), PaymentMethod: "pm_awaited", StripeCustomer: "cus_connected", Account: "acct_1", Status: billing.CardActive, CreatedAt: f.now, UpdatedAt: f.now,
	}
	owner := f.customer()
	connected.CustomerID = owner.ID
	known := billing.Customer{ID: billing.NewCustomerID(f.now), Reference: "awaited", StripeCustomer: "cus_new", CreatedAt: f.now, UpdatedAt: f.now}
	for awaits, insert := range map[string]func(tx billing.Tx) error{
		billing.AwaitsCustomer("awaited"): func(tx billing.Tx) error { return tx.InsertCustomer(t.Context(), known) },
		"cus_connected":                   func(tx billing.Tx) error { return tx.InsertCard(t.Context(), connected) },
		"cus_later": func(tx billing.Tx) error {
			owner.StripeCustomer = "cus_later"
			return tx.UpdateCustomer(t.Context(), owner)
		},
		"pi_awaited": func(tx billing.Tx) error {
			p, charges := f.newPlan(owner.ID, 1)
			charges[0].PaymentIntent = "pi_awaited"
			return tx.InsertPlan(t.Context(), p, charges)
		},
	} {
		list := f.newEvents(2)
		for i := range list {
			list[i].ID += awaits
		}
		f.events(list)
		for i, name := range []string{awaits, "another" + awaits} {
			list[i].Status, list[i].Reason, list[i].Awaits, list[i].HandledAt, list[i].ClaimAfter = billing.EventIgnored, "unknown", name, f.now, time.Time{}
			f.update(func(tx billing.Tx) error { return tx.UpdateEvent(t.Context(), list[i]) })
		}
		f.update(insert)
		woken, err := f.Event(t.Context(), list[0].ID)
		require.NoError(t, err)
		require.Equal(t, billing.EventPending, woken.Status, awaits)
		require.False(t, woken.ClaimAfter.IsZero(), awaits)
		require.Empty(t, woken.Awaits)
		other, err := f.Event(t.Context(), list[1].ID)
		require.NoError(t, err)
		require.Equal(t, billing.EventIgnored, other.Status, awaits)
	}
}

func cardsToDetach(t *testing.T, f *fixture) {
	customer := f.customer().ID
	f.card(customer)
	var due []billing.CardID
	for i := range 4 {
		c := f.card(customer)
		c.Status, c.RemovedAt, c.DetachAt = billing.CardDetached, f.now, f.now.Add(-time.Duration(i)*time.Minute)
		if i == 0 {
			c.DetachAt = f.now.Add(time.Hour)
		} else {
			due = append([]billing.CardID{c.ID}, due...)
		}
		f.update(func(tx billing.Tx) error { return tx.UpdateCard(t.Context(), c) })
	}
	found := func() (ids []billing.CardID) {
		cards, err := f.CardsToDetach(t.Context(), f.now)
		require.NoError(t, err)
		for _, c := range cards {
			ids = append(ids, c.ID)
		}
		return ids
	}
	require.Equal(t, due, found())
	f.update(func(tx billing.Tx) error { return tx.UpdateDetach(t.Context(), due[0], time.Time{}) })
	f.update(func(tx billing.Tx) error { return tx.UpdateDetach(t.Context(), due[1], f.now.Add(time.Second)) })
	require.Equal(t, due[2:], found())
	require.ErrorIs(t, f.Update(t.Context(), func(tx billing.Tx) error { return tx.UpdateDetach(t.Context(), "card_none", f.now) }), billing.ErrNotFound)
}

func pagesOfCustomers(t *testing.T, f *fixture) {
	var all []billing.Customer
	for i := range 5 {
		f.now = f.now.Add(time.Millisecond)
		c := billing.Customer{ID: billing.NewCustomerID(f.now), CreatedAt: f.now, UpdatedAt: f.now, Version: 1, StripeCustomer: []string{"cus_a", "cus_b"}[i%2]}
		c.Reference = string(c.ID)
		f.update(func(tx billing.Tx) error { return tx.InsertCustomer(t.Context(), c) })
		all = append(all, c)
	}
	slices.Reverse(all)
	for _, filter := range []billing.CustomerFilter{{}, {StripeCustomer: "cus_b"}, {StripeCustomer: "cus_none"}} {
		seen := pages(t, func(cursor billing.CustomerID, limit int) ([]billing.Customer, error) {
			filter.Before, filter.Limit = cursor, limit
			return f.ListCustomers(t.Context(), filter)
		}, func(c billing.Customer) billing.CustomerID { return c.ID })
		var want []billing.Customer
		for _, c := range all {
			if filter.StripeCustomer == "" || c.StripeCustomer == filter.StripeCustomer {
				want = append(want, c)
			}
		}
		require.Equal(t, want, seen)
	}
}
