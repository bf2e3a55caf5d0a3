package storetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"tranche/internal/billing"
)

func roundTripTests() map[string]func(*testing.T, *fixture) {
	return map[string]func(*testing.T, *fixture){
		"round trip of a customer":          roundTripCustomer,
		"round trip of a card":              roundTripCard,
		"round trip of a plan":              roundTripPlan,
		"round trip of a charge":            roundTripCharge,
		"round trip of an attempt":          roundTripAttempt,
		"round trip of a notice":            roundTripNotice,
		"round trip of an event":            roundTripEvent,
		"round trip of a request":           roundTripRequest,
		"round trip of an audit entry":      roundTripAudit,
		"round trip of zero values":         roundTripZero,
		"round trip of any text and time":   roundTripAny,
		"a transaction reads what it wrote": readsOwnWrites,
	}
}

func roundTripCustomer(t *testing.T, f *fixture) {
	var c, changed billing.Customer
	fill(&c, 1)
	fill(&changed, 2)
	changed.ID, changed.Version = c.ID, c.Version
	f.update(func(tx billing.Tx) error { return tx.InsertCustomer(t.Context(), c) })
	for _, want := range []billing.Customer{c, changed} {
		if want == changed {
			f.update(func(tx billing.Tx) error { return tx.UpdateCustomer(t.Context(), changed) })
			want.Version++
		}
		same(t, want)(f.Customer(t.Context(), want.ID))
		same(t, want)(f.CustomerByReference(t.Context(), want.Reference))
		same(t, want)(f.CustomerByStripe(t.Context(), want.StripeCustomer))
		same(t, []billing.Customer{want})(f.Customers(t.Context(), want.ID, want.ID, "cust_nobody"))
	}
}

func roundTripCard(t *testing.T, f *fixture) {
	var c, changed billing.Card
	fill(&c, 1)
	c.CustomerID, c.Status = f.customer().ID, billing.CardActive
	c.RemovedAt, c.DetachAt = time.Time{}, time.Time{}
	fill(&changed, 2)
	changed.ID, changed.CustomerID, changed.Status = c.ID, f.customer().ID, billing.CardRevoked
	f.update(func(tx billing.Tx) error { return tx.InsertCard(t.Context(), c) })
	for _, want := range []billing.Card{c, changed} {
		if want == changed {
			f.update(func(tx billing.Tx) error { return tx.UpdateCard(t.Context(), changed) })
		}
		same(t, want)(f.Card(t.Context(), want.ID))
		same(t, want)(f.CardByPaymentMethod(t.Context(), want.PaymentMethod))
		same(t, []billing.Card{want})(f.Cards(t.Context(), want.CustomerID))
	}
}

// fullPlan is a plan with every field set, of a customer and a card that exist.
func (f *fixture) fullPlan(seed int) billing.Plan {
	f.t.Helper()
	var card billing.Card
	fill(&card, seed)
	card.CustomerID, card.Status = f.customer().ID, billing.CardActive
	card.RemovedAt, card.DetachAt = time.Time{}, time.Time{}
	f.update(func(tx billing.Tx) error { return tx.InsertCard(f.t.Context(), card) })
	var p billing.Plan
	fill(&p, seed)
	p.CustomerID, p.CardID = card.CustomerID, card.ID
	p.Kind, p.Status = billing.KindDeposit, billing.PlanPastDue
	return p
}

func roundTripPlan(t *testing.T, f *fixture) {
	p, changed := f.fullPlan(1), f.fullPlan(2)
	changed.ID, changed.Version, changed.Kind, changed.Status = p.ID, p.Version, billing.KindInstallments, billing.PlanPaused
	f.update(func(tx billing.Tx) error { return tx.InsertPlan(t.Context(), p, nil) })
	for i, want := range []billing.Plan{p, changed} {
		if i == 1 {
			f.update(func(tx billing.Tx) error { return tx.UpdatePlan(t.Context(), changed) })
			want.Version++
		}
		same(t, want)(f.Plan(t.Context(), want.ID))
		same(t, want)(f.PlanByReference(t.Context(), want.Reference))
		same(t, []billing.Plan{want})(f.Plans(t.Context(), billing.PlanFilter{}))
		f.update(func(tx billing.Tx) error {
			same(t, want)(tx.LockPlan(t.Context(), want.ID))
			return nil
		})
	}
}

func roundTripCharge(t *testing.T, f *fixture) {
	p, _ := f.newPlan(f.customer().ID, 0)
	var c, changed billing.Charge
	fill(&c, 1)
	c.PlanID, c.CustomerID, c.Status = p.ID, p.CustomerID, billing.ChargeRetrying
	fill(&changed, 2)
	changed.ID, changed.PlanID, changed.CustomerID, changed.Version = c.ID, c.PlanID, c.CustomerID, c.Version
	changed.Status = billing.ChargeSucceeded
	f.update(func(tx billing.Tx) error { return tx.InsertPlan(t.Context(), p, []billing.Charge{c}) })
	for _, want := range []billing.Charge{c, changed} {
		if want == changed {
			f.update(func(tx billing.Tx) error { return tx.UpdateCharge(t.Context(), changed) })
			want.Version++
			want.Lease = c.Lease // only a claim changes it
		}
		same(t, want)(f.Charge(t.Context(), want.ID))
		same(t, want)(f.ChargeByPaymentIntent(t.Context(), want.PaymentIntent))
		same(t, []billing.Charge{want})(f.PlanCharges(t.Context(), want.PlanID))
	}
}

func roundTripAttempt(t *testing.T, f *fixture) {
	_, charges := f.plan(2)
	var a, changed billing.Attempt
	fill(&a, 1)
	a.ChargeID, a.Initiator, a.Outcome = charges[0].ID, billing.InitiatorMerchant, billing.OutcomeUnknown
	fill(&changed, 2)
	changed.ID, changed.ChargeID = a.ID, charges[1].ID
	changed.Initiator, changed.Outcome = billing.InitiatorCustomer, billing.OutcomeDeclined
	f.update(func(tx billing.Tx) error { return tx.InsertAttempt(t.Context(), a) })
	same(t, []billing.Attempt{a})(f.Attempts(t.Context(), a.ChargeID))
	f.update(func(tx billing.Tx) error { return tx.UpdateAttempt(t.Context(), changed) })
	same(t, []billing.Attempt{changed})(f.Attempts(t.Context(), charges[0].ID, charges[1].ID))
	same(t, charges[1])(f.ChargeByPaymentIntent(t.Context(), changed.PaymentIntent))
}

func roundTripNotice(t *testing.T, f *fixture) {
	_, charges := f.plan(2)
	var n, changed billing.Notice
	fill(&n, 1)
	n.ChargeID, n.Status = charges[0].ID, billing.NoticePending
	fill(&changed, 2)
	changed.ID, changed.ChargeID, changed.Status = n.ID, charges[1].ID, billing.NoticeKept
	f.notice(n)
	for _, want := range []billing.Notice{n, changed} {
		if want.Status == changed.Status {
			f.update(func(tx billing.Tx) error { return tx.UpdateNotice(t.Context(), changed) })
			want.Lease = n.Lease // only a claim changes it
		}
		same(t, want)(f.Notice(t.Context(), want.ID))
		same(t, []billing.Notice{want})(f.Notices(t.Context(), billing.NoticeFilter{Plan: want.PlanID}))
	}
}

func roundTripEvent(t *testing.T, f *fixture) {
	var e, changed billing.Event
	fill(&e, 1)
	e.Status = billing.EventPending
	f.events([]billing.Event{e})
	same(t, e)(f.Event(t.Context(), e.ID))
	same(t, []billing.Event{e})(f.Events(t.Context(), billing.EventFilter{}))

	fill(&changed, 2)
	changed.ID, changed.Status = e.ID, billing.EventFailed
	f.update(func(tx billing.Tx) error { return tx.UpdateEvent(t.Context(), changed) })
	want := e // Stripe's data and the lease do not change
	want.Status, want.Reason, want.ClaimAfter = changed.Status, changed.Reason, changed.ClaimAfter
	want.Attempts, want.HandledAt, want.Awaits = changed.Attempts, changed.HandledAt, changed.Awaits
	same(t, want)(f.Event(t.Context(), e.ID))
}

func roundTripRequest(t *testing.T, f *fixture) {
	var q billing.Request
	fill(&q, 1)
	f.update(func(tx billing.Tx) error { return tx.InsertRequest(t.Context(), q) })
	same(t, q)(f.Request(t.Context(), q.Key))
}

func roundTripAudit(t *testing.T, f *fixture) {
	var e billing.AuditEntry
	fill(&e, 1)
	f.update(func(tx billing.Tx) error { return tx.InsertAudit(t.Context(), e) })
	list, err := f.AuditTrail(t.Context(), billing.AuditFilter{})
	require.NoError(t, err)
	require.Len(t, list, 1)
	require.Positive(t, list[0].Seq)
	e.Seq = list[0].Seq
	require.Equal(t, e, list[0])
}

// roundTripZero stores objects with nothing optional in them, twice: no empty value may take a
// unique key.
func roundTripZero(t *testing.T, f *fixture) {
	for range 2 {
		p, charges := f.newPlan(f.customer().ID, 1)
		p.Terms = nil
		charges[0].ClaimAfter, charges[0].NextAttemptAt = time.Time{}, time.Time{}
		charges[0].Status = billing.ChargeSucceeded
		attempts := []billing.Attempt{
			f.newAttempt(charges[0].ID, 1, billing.OutcomeDeclined), f.newAttempt(charges[0].ID, 2, billing.OutcomeDeclined),
		}
		f.update(func(tx billing.Tx) error {
			require.NoError(t, tx.InsertPlan(t.Context(), p, charges))
			require.NoError(t, tx.InsertAttempt(t.Context(), attempts[0]))
			return tx.InsertAttempt(t.Context(), attempts[1])
		})
		same(t, p)(f.Plan(t.Context(), p.ID))
		same(t, charges)(f.PlanCharges(t.Context(), p.ID))
		same(t, attempts)(f.Attempts(t.Context(), charges[0].ID))
	}
	e := billing.Event{ID: "evt_1", Status: billing.EventPending, ReceivedAt: f.now}
	f.events([]billing.Event{e})
	same(t, e)(f.Event(t.Context(), "evt_1"))
}

// roundTripAny stores generated texts and times in zones all over the world.
func roundTripAny(t *testing.T, f *fixture) {
	text := rapid.StringOf(rapid.Rune().Filter(func(r rune) bool { return r != 0 })) // PostgreSQL has no NUL in a text
	at := rapid.Custom(func(t *rapid.T) time.Time {
		zone := time.FixedZone("", rapid.IntRange(-14*3600, 14*3600).Draw(t, "offset"))
		nanos := rapid.Int64Range(0, 999_999).Draw(t, "nanoseconds") // cut off
		return time.UnixMilli(rapid.Int64Range(-1e13, 1e14).Draw(t, "milliseconds")).Add(time.Duration(nanos)).In(zone)
	})
	rapid.Check(t, func(rt *rapid.T) {
		c := billing.Customer{
			ID: billing.NewCustomerID(f.now), Reference: text.Draw(rt, "reference"), Email: text.Draw(rt, "email"),
			Name: text.Draw(rt, "name"), CreatedAt: at.Draw(rt, "created"), UpdatedAt: at.Draw(rt, "updated"),
		}
		c.Reference += string(c.ID) // unique
		f.update(func(tx billing.Tx) error { return tx.InsertCustomer(t.Context(), c) })
		c.CreatedAt = time.UnixMilli(c.CreatedAt.UnixMilli()).UTC()
		c.UpdatedAt = time.UnixMilli(c.UpdatedAt.UnixMilli()).UTC()
		same(t, c)(f.CustomerByReference(t.Context(), c.Reference))
	})
}

func readsOwnWrites(t *testing.T, f *fixture) {
	p, charges := f.newPlan(f.customer().ID, 2)
	f.update(func(tx billing.Tx) error {
		require.NoError(t, tx.InsertPlan(t.Context(), p, charges))
		same(t, p)(tx.Plan(t.Context(), p.ID))
		same(t, charges)(tx.PlanCharges(t.Context(), p.ID))
		_, err := f.Plan(t.Context(), p.ID) // others don't, before it is committed
		require.ErrorIs(t, err, billing.ErrNotFound)
		return nil
	})
	same(t, p)(f.Plan(t.Context(), p.ID))
}

// same returns a check that a method gave want and no error.
func same[T any](t *testing.T, want T) func(T, error) {
	t.Helper()
	return func(got T, err error) {
		t.Helper()
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
}
