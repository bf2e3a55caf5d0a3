package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The types below describe the JSON of the API and the demo. They are independent of the packages
// that write it, on purpose.

// ledgerPlan is a plan.
type ledgerPlan struct {
	ID        string         `json:"id"`
	Reference string         `json:"reference"`
	Kind      string         `json:"kind"`
	Status    string         `json:"status"`
	Currency  string         `json:"currency"`
	Total     int64          `json:"total"`
	Customer  ledgerCustomer `json:"customer"`
	Charges   []ledgerCharge `json:"charges"`
	First     struct {
		PaymentIntent string `json:"payment_intent"`
		ClientSecret  string `json:"client_secret"`
	} `json:"first_payment"`
}

// ledgerCustomer is a customer.
type ledgerCustomer struct {
	Reference      string       `json:"reference"`
	Email          string       `json:"email"`
	StripeCustomer string       `json:"stripe_customer"`
	Cards          []ledgerCard `json:"cards"`
}

// ledgerCard is a saved card.
type ledgerCard struct {
	PaymentMethod string `json:"payment_method"`
	Last4         string `json:"last4"`
	Status        string `json:"status"`
}

// ledgerCharge is a charge.
type ledgerCharge struct {
	ID            string          `json:"id"`
	Sequence      int             `json:"sequence"`
	Amount        int64           `json:"amount"`
	Currency      string          `json:"currency"`
	DueAt         time.Time       `json:"due_at"`
	PaidAt        time.Time       `json:"paid_at"`
	Status        string          `json:"status"`
	PaymentIntent string          `json:"payment_intent"`
	Attempts      []ledgerAttempt `json:"attempts"`
}

// ledgerAttempt is an attempt. Its key is null if the customer paid without Tranche.
type ledgerAttempt struct {
	Number         int     `json:"number"`
	Initiator      string  `json:"initiator"`
	IdempotencyKey *string `json:"idempotency_key"`
	Outcome        string  `json:"outcome"`
	DeclineCode    *string `json:"decline_code"`

	CreatedAt time.Time `json:"created_at"`
}

// ledgerNotice is a notice.
type ledgerNotice struct {
	ID      string     `json:"id"`
	Kind    string     `json:"kind"`
	Plan    string     `json:"plan"`
	Charge  string     `json:"charge"`
	To      string     `json:"to"`
	Message string     `json:"message_id"`
	Status  string     `json:"status"`
	Reason  string     `json:"reason"`
	Body    string     `json:"body"`
	SentAt  *time.Time `json:"sent_at"`
}

// stripeIntent is Stripe's JSON of a PaymentIntent.
type stripeIntent struct {
	ID             string            `json:"id"`
	Status         string            `json:"status"`
	Amount         int64             `json:"amount"`
	AmountReceived int64             `json:"amount_received"`
	Currency       string            `json:"currency"`
	PaymentMethod  string            `json:"payment_method"`
	ClientSecret   string            `json:"client_secret"`
	LatestCharge   string            `json:"latest_charge"`
	Metadata       map[string]string `json:"metadata"`
	LastError      *struct {
		Code          string `json:"code"`
		DeclineCode   string `json:"decline_code"`
		PaymentMethod struct {
			ID   string `json:"id"`
			Card struct {
				Last4 string `json:"last4"`
			} `json:"card"`
		} `json:"payment_method"`
	} `json:"last_payment_error"`
}

// stripeCharge is Stripe's JSON of a charge: one try of a card.
type stripeCharge struct {
	ID            string `json:"id"`
	Status        string `json:"status"`
	PaymentIntent string `json:"payment_intent"`
	Amount        int64  `json:"amount"`
}

// recount compares the ledger with Stripe's record in both directions. It returns the number of
// PaymentIntents that were created for a first payment and lost before their ids were stored.
func recount(t *testing.T, plans []ledgerPlan, intents []stripeIntent) (forgotten int) {
	t.Helper()
	charges := map[string]ledgerCharge{}
	for _, p := range plans {
		for _, c := range p.Charges {
			charges[c.ID] = c
		}
	}
	atStripe := map[string]stripeIntent{}
	for _, pi := range intents {
		require.NotContains(t, atStripe, pi.ID)
		atStripe[pi.ID] = pi
		c, ours := charges[pi.Metadata["tranche_charge"]]
		if !ours || c.PaymentIntent == pi.ID {
			continue
		}
		require.Equal(t, 1, c.Sequence, "charge %s has %s, and %s was made for it too", c.ID, c.PaymentIntent, pi.ID)
		require.Equal(t, "requires_payment_method", pi.Status)
		require.Empty(t, pi.LatestCharge, "%s is paid, but charge %s does not record it", pi.ID, c.ID)
		forgotten++
	}
	seen := unique{t: t, where: map[string]string{}}
	settled := map[string]bool{}
	for _, p := range plans {
		seen.add(p.ID, p.Reference)
		var sum int64
		for i, c := range p.Charges {
			seen.add(c.ID, p.Reference)
			seen.add(c.PaymentIntent, c.ID)
			require.Equal(t, i+1, c.Sequence)
			require.Equal(t, p.Currency, c.Currency)
			sum += c.Amount
			countAttempts(t, c, seen)
			pi := atStripe[c.PaymentIntent]
			if c.Status != "succeeded" {
				require.NotEqual(t, "succeeded", pi.Status, "%s succeeded, and charge %s is %s", pi.ID, c.ID, c.Status)
				continue
			}
			settled[pi.ID] = true
			require.Equal(t, "succeeded", pi.Status, "charge %s is paid and its PaymentIntent is not", c.ID)
			require.Equal(t, []int64{c.Amount, c.Amount}, []int64{pi.Amount, pi.AmountReceived}, "charge %s", c.ID)
			require.Equal(t, c.Currency, pi.Currency)
		}
		require.Equal(t, p.Total, sum, "the parts of %s", p.Reference)
	}
	for _, pi := range intents {
		require.Equal(t, pi.Status == "succeeded", settled[pi.ID], "%s is %s at Stripe", pi.ID, pi.Status)
	}
	return forgotten
}

// countAttempts requires a charge's attempts to be numbered without a gap and to be finished. One
// attempt succeeded if the charge is paid, and none if it is not. Only attempts that the customer
// made without Tranche have no key.
func countAttempts(t *testing.T, c ledgerCharge, seen unique) {
	t.Helper()
	succeeded := 0
	for i, a := range c.Attempts {
		require.Equal(t, i+1, a.Number)
		require.NotContains(t, []string{"unknown", "processing"}, a.Outcome, "attempt %d of %s", a.Number, c.ID)
		if a.IdempotencyKey == nil {
			require.Equal(t, "customer", a.Initiator, "attempt %d of %s has no key", a.Number, c.ID)
		} else {
			seen.add(*a.IdempotencyKey, c.ID)
		}
		if a.Outcome == "succeeded" {
			succeeded++
			require.Len(t, c.Attempts, a.Number, "%s was tried again after it was paid", c.ID)
		}
	}
	want := 0
	if c.Status == "succeeded" {
		want = 1
	}
	require.Equal(t, want, succeeded, "charge %s is %s", c.ID, c.Status)
}

// countNotices requires one notice for each payment, for each failed attempt of Tranche, and for
// the end of each plan. Advance notices are sent once at most: with months in minutes, a charge may
// be paid before its notice is sent.
func countNotices(t *testing.T, plans []ledgerPlan, notices []ledgerNotice, status string) {
	t.Helper()
	type owed struct{ about, kind, to string }
	want, begun := map[owed]int{}, map[string]bool{}
	for _, p := range plans {
		if p.Status != "awaiting_first_payment" && p.Status != "canceled" {
			begun[p.ID] = true
		}
		if p.Status == "completed" {
			want[owed{p.ID, "plan_completed", p.Customer.Email}]++
		}
		for _, c := range p.Charges {
			for _, a := range c.Attempts {
				switch {
				case a.Outcome == "succeeded":
					want[owed{c.ID, "payment_succeeded", p.Customer.Email}]++
				case a.Initiator == "merchant" && a.Outcome == "declined" && *a.DeclineCode == "authentication_required":
					want[owed{c.ID, "action_required", p.Customer.Email}]++
				case a.Initiator == "merchant" && a.Outcome == "declined":
					want[owed{c.ID, "payment_failed", p.Customer.Email}]++
				}
			}
		}
	}
	got := map[owed]int{}
	for _, n := range notices {
		if n.Status == "dropped" { // overtaken before it could be sent
			require.NotEmpty(t, n.Reason, "notice %s", n.ID)
		} else {
			require.Equal(t, status, n.Status, "notice %s", n.ID)
			require.NotNil(t, n.SentAt, "notice %s", n.ID)
		}
		about := n.Charge
		if about == "" {
			about = n.Plan
		}
		got[owed{about, n.Kind, n.To}]++
	}
	cards := cardsGiven(plans)
	for o, n := range got {
		switch o.kind {
		case "plan_started":
			require.Equal(t, 1, n, "plan %s", o.about)
			delete(got, o)
			delete(begun, o.about)
		case "upcoming_charge":
			require.Equal(t, 1, n, "charge %s", o.about)
			delete(got, o)
		case "card_updated":
			require.LessOrEqual(t, n, cards[o.to], "%s was notified of a card that was not entered", o.to)
			delete(got, o)
		}
	}
	require.Equal(t, want, got)
	require.Empty(t, begun, "plans that were not confirmed")
}

// cardsGiven counts the payments that customers made themselves after their first payment: each may
// have used another card.
func cardsGiven(plans []ledgerPlan) map[string]int {
	given := map[string]int{}
	for _, p := range plans {
		for _, c := range p.Charges[1:] {
			for _, a := range c.Attempts {
				if a.Outcome == "succeeded" { // an attempt that waited for the customer remains Tranche's
					given[p.Customer.Email]++
				}
			}
		}
	}
	return given
}

// unique requires ids to occur once.
type unique struct {
	t     *testing.T
	where map[string]string
}

// add records an id and the place where it was seen. It ignores an empty id.
func (u unique) add(id, where string) {
	u.t.Helper()
	if id == "" {
		return
	}
	require.NotContains(u.t, u.where, id, "%s has the id of %s", where, u.where[id])
	u.where[id] = where
}
