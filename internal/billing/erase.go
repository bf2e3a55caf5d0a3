package billing

import (
	"context"
	"slices"
	"time"
)

// Erasure is the personal data to remove of a customer, and its replacement.
type Erasure struct {
	Customer Customer // after the erasure: see Customer.Erase
	Plans    []Plan   // all of the customer's, without personal data in terms and reason
	Words    []string // the person's name and address, which are removed from texts; the store adds former ones
	// Objects are the ids (pi_…, pm_…, cus_…, seti_…, ch_…) of the customer's objects at Stripe.
	// They identify the events about the customer, both stored and future ones.
	Objects []string
	// Payments are the PaymentIntents in Objects. The bodies of refunds and disputes name one of
	// them.
	Payments []string
	At       time.Time
}

// Eraser removes personal data. It is part of Tx.
type Eraser interface {
	// EraseCustomer removes the person's data from rows of every kind, and stores the ids of the
	// Stripe objects. Amounts, dates, states, ids and the course of events stay. Errors:
	// ErrConflict when the customer or a plan was changed since it was read.
	EraseCustomer(ctx context.Context, e Erasure) (Erased, error)
	// EraseEvent clears the body of a handled event if it is about one of the Stripe objects of an
	// erased customer.
	EraseEvent(ctx context.Context, event string, objects ...string) error
}

// Erased counts the rows that data was removed from.
type Erased struct {
	Plans    int64 `json:"plans"`
	Cards    int64 `json:"cards"`
	Notices  int64 `json:"notices"`
	Consents int64 `json:"consents"`
	Links    int64 `json:"links"`
	Requests int64 `json:"requests"`
	Events   int64 `json:"events"`
	Texts    int64 `json:"texts"` // audit entries and reasons that named the person
}

// Erase returns the customer without personal data. The reference is replaced too, because it may
// identify the person: the next plan with that reference creates another customer.
func (c Customer) Erase(now time.Time) Customer {
	return Customer{
		ID: c.ID, Reference: "erased-" + string(c.ID), ErasedAt: now, CreatedAt: c.CreatedAt, UpdatedAt: now, Version: c.Version,
	}
}

// Words returns the texts that identify the customer: e-mail address and name. Words of one or two
// letters are left out, because they occur inside too many other words.
func (c Customer) Words() []string {
	var words []string
	for _, w := range []string{c.Email, c.Name} {
		if len([]rune(w)) > 2 {
			words = append(words, w)
		}
	}
	return words
}

// ErasedWord replaces a name or an address.
const ErasedWord = "[erased]"

// AddObject adds the id of an object at Stripe. It ignores an empty id, and an id that was added
// already.
func (e *Erasure) AddObject(id string) {
	if id != "" && !slices.Contains(e.Objects, id) {
		e.Objects = append(e.Objects, id)
	}
}

// AddPayment adds the id of a PaymentIntent.
func (e *Erasure) AddPayment(id string) {
	if id != "" && !slices.Contains(e.Payments, id) {
		e.Payments = append(e.Payments, id)
	}
	e.AddObject(id)
}
