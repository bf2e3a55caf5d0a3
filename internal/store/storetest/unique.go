package storetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
)

func uniqueTests() map[string]func(*testing.T, *fixture) {
	return map[string]func(*testing.T, *fixture){
		"unique keys":                           uniqueKeys,
		"a transaction goes on after ErrExists": goesOnAfterExists,
		"one PaymentIntent pays one charge":     onePaymentOneCharge,
		"customers may share a Stripe customer": sharedStripeCustomer,
		"an amount is more than 0":              positiveAmount,
		"a charge that waits wakes":             waitingChargeWakes,
		"a row that is referred to exists":      referredRowExists,
		"InsertNotice of what is owed already":  duplicateNotice,
		"InsertEvents of what is there already": duplicateEvents,
	}
}

// refused runs insert and wants ErrExists.
func (f *fixture) refused(what string, insert func(tx billing.Tx) error) {
	f.t.Helper()
	require.ErrorIs(f.t, f.Update(f.t.Context(), insert), billing.ErrExists, what)
}

func uniqueKeys(t *testing.T, f *fixture) {
	ctx := t.Context()
	var customer, otherCustomer billing.Customer
	fill(&customer, 1)
	fill(&otherCustomer, 2)
	var card billing.Card
	fill(&card, 1)
	card.CustomerID, card.Status = customer.ID, billing.CardActive
	f.update(func(tx billing.Tx) error {
		require.NoError(t, tx.InsertCustomer(ctx, customer))
		require.NoError(t, tx.InsertCard(ctx, card))
		return tx.InsertRequest(ctx, billing.Request{Key: "key", CreatedAt: f.now})
	})
	p, charges := f.plan(2)
	first := f.newAttempt(charges[0].ID, 1, billing.OutcomeUnknown)
	first.IdempotencyKey, first.StripeCharge = "idem_1", "ch_1"
	f.update(func(tx billing.Tx) error { return tx.InsertAttempt(ctx, first) })

	f.refused("customers.id", func(tx billing.Tx) error {
		c := otherCustomer
		c.ID = customer.ID
		return tx.InsertCustomer(ctx, c)
	})
	f.refused("customers.reference", func(tx billing.Tx) error {
		c := otherCustomer
		c.Reference = customer.Reference
		return tx.InsertCustomer(ctx, c)
	})
	f.refused("customers.reference by an update", func(tx billing.Tx) error {
		require.NoError(t, tx.InsertCustomer(ctx, otherCustomer))
		c := otherCustomer
		c.Reference = customer.Reference
		_ = tx.UpdateCustomer(ctx, c) // swallowed: the transaction still fails
		return nil
	})
	f.refused("cards.payment_method", func(tx billing.Tx) error {
		c := card
		c.ID = "card_other"
		return tx.InsertCard(ctx, c)
	})
	f.refused("plans.reference", func(tx billing.Tx) error {
		other, _ := f.newPlan(customer.ID, 0)
		other.Reference = p.Reference
		return tx.InsertPlan(ctx, other, nil)
	})
	f.refused("charges.sequence", func(tx billing.Tx) error {
		other, list := f.newPlan(customer.ID, 2)
		list[1].Sequence = list[0].Sequence
		_ = tx.InsertPlan(ctx, other, list) // swallowed: the transaction still fails
		return nil
	})
	f.refused("requests.key", func(tx billing.Tx) error {
		return tx.InsertRequest(ctx, billing.Request{Key: "key", CreatedAt: f.now})
	})
	attempt := func(change func(*billing.Attempt)) func(tx billing.Tx) error {
		return func(tx billing.Tx) error {
			a := f.newAttempt(charges[0].ID, 2, billing.OutcomeDeclined)
			change(&a)
			return tx.InsertAttempt(ctx, a)
		}
	}
	f.refused("attempts.number", attempt(func(a *billing.Attempt) { a.Number = 1 }))
	f.refused("attempts.idempotency_key", attempt(func(a *billing.Attempt) { a.IdempotencyKey = "idem_1" }))
	f.refused("attempts.stripe_charge", attempt(func(a *billing.Attempt) { a.StripeCharge = "ch_1" }))
	f.refused("one open attempt at a time", attempt(func(a *billing.Attempt) { a.Outcome = billing.OutcomeUnknown }))
	f.update(attempt(func(*billing.Attempt) {})) // without the duplicate it is accepted
}

func goesOnAfterExists(t *testing.T, f *fixture) {
	c := f.customer()
	other := c
	other.ID, other.Reference = "cust_other", "other"
	f.update(func(tx billing.Tx) error {
		require.ErrorIs(t, tx.InsertCustomer(t.Context(), c), billing.ErrExists)
		return tx.InsertCustomer(t.Context(), other)
	})
	same(t, other)(f.Customer(t.Context(), other.ID))
}

func onePaymentOneCharge(t *testing.T, f *fixture) {
	_, charges := f.plan(2)
	pay := func(c billing.Charge, status billing.ChargeStatus) error {
		c.PaymentIntent, c.Status = "pi_1", status
		return f.Update(t.Context(), func(tx billing.Tx) error { return tx.UpdateCharge(t.Context(), c) })
	}
	require.NoError(t, pay(charges[0], billing.ChargeSucceeded))
	require.ErrorIs(t, pay(charges[1], billing.ChargeSucceeded), billing.ErrExists)
	require.NoError(t, pay(charges[1], billing.ChargeRetrying), "unpaid charges may name it")
	refunded, err := f.Charge(t.Context(), charges[0].ID)
	require.NoError(t, err)
	require.NoError(t, pay(refunded, billing.ChargeRefunded))
	again, err := f.Charge(t.Context(), charges[1].ID)
	require.NoError(t, err)
	require.ErrorIs(t, pay(again, billing.ChargeSucceeded), billing.ErrExists, "nor after a refund")
}

func sharedStripeCustomer(t *testing.T, f *fixture) {
	first := f.customer()
	first.StripeCustomer = "cus_1"
	f.update(func(tx billing.Tx) error { return tx.UpdateCustomer(t.Context(), first) })
	f.now = f.now.Add(time.Millisecond)
	second := f.customer()
	second.StripeCustomer = "cus_1"
	f.update(func(tx billing.Tx) error { return tx.UpdateCustomer(t.Context(), second) })
	first.Version++
	same(t, first)(f.CustomerByStripe(t.Context(), "cus_1"))
}

func positiveAmount(t *testing.T, f *fixture) {
	for _, amount := range []int64{0, -1} {
		p, charges := f.newPlan(f.customer().ID, 1)
		charges[0].Amount = amount
		err := f.Update(t.Context(), func(tx billing.Tx) error {
			_ = tx.InsertPlan(t.Context(), p, charges) // swallowed: the transaction still fails
			return nil
		})
		require.Error(t, err)
		require.NotErrorIs(t, err, billing.ErrUnavailable)
		_, err = f.Plan(t.Context(), p.ID)
		require.ErrorIs(t, err, billing.ErrNotFound)
	}
}

func waitingChargeWakes(t *testing.T, f *fixture) {
	_, charges := f.plan(1)
	forgotten, idle := charges[0], charges[0]
	forgotten.ClaimAfter = time.Time{} // while NextAttemptAt is not zero
	idle.NextAttemptAt = time.Time{}
	for _, c := range []billing.Charge{forgotten, idle} {
		require.Error(t, f.Update(t.Context(), func(tx billing.Tx) error { return tx.UpdateCharge(t.Context(), c) }))
	}
}

func referredRowExists(t *testing.T, f *fixture) {
	p, charges := f.newPlan("cust_nobody", 1)
	for what, insert := range map[string]func(tx billing.Tx) error{
		"plan": func(tx billing.Tx) error { return tx.InsertPlan(t.Context(), p, charges) },
		"attempt": func(tx billing.Tx) error {
			return tx.InsertAttempt(t.Context(), f.newAttempt("chg_none", 1, billing.OutcomeError))
		},
		"notice": func(tx billing.Tx) error {
			_, err := tx.InsertNotice(t.Context(), f.newNotice(charges[0], "step"))
			return err
		},
	} {
		require.ErrorIs(t, f.Update(t.Context(), insert), billing.ErrNotFound, what)
	}
}

func duplicateNotice(t *testing.T, f *fixture) {
	_, charges := f.plan(1)
	n := f.newNotice(charges[0], "payment_failed:1")
	f.notice(n)
	again := f.newNotice(charges[0], "payment_failed:1")
	again.Subject = "must not be written"
	other := f.newNotice(charges[0], "payment_failed:2")
	f.update(func(tx billing.Tx) error {
		added, err := tx.InsertNotice(t.Context(), again)
		require.NoError(t, err)
		require.False(t, added)
		added, err = tx.InsertNotice(t.Context(), other)
		require.True(t, added)
		return err
	})
	same(t, n)(f.Notice(t.Context(), n.ID))
	list, err := f.Notices(t.Context(), billing.NoticeFilter{Charge: charges[0].ID})
	require.NoError(t, err)
	require.Len(t, list, 2)
}

func duplicateEvents(t *testing.T, f *fixture) {
	e := f.newEvents(4)
	same(t, []string(nil))(f.InsertEvents(t.Context(), nil))
	same(t, []string{e[2].ID, e[0].ID})(f.InsertEvents(t.Context(), []billing.Event{e[2], e[0], e[2]}))
	changed := e[0]
	changed.Payload, changed.Status = []byte("other"), billing.EventFailed
	same(t, []string{e[3].ID, e[1].ID})(f.InsertEvents(t.Context(), []billing.Event{changed, e[3], e[2], e[1]}))
	list, err := f.InsertEvents(t.Context(), e)
	require.NoError(t, err)
	require.Empty(t, list)
	same(t, e[0])(f.Event(t.Context(), e[0].ID))

	many := f.newEvents(4400) // more than one statement takes
	list, err = f.InsertEvents(t.Context(), many)
	require.NoError(t, err)
	require.Len(t, list, len(many)-4)
}
