package billing

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Erasure is what is removed of a customer, and what stands in its place.
type Erasure struct {
	Customer Customer // as it is afterwards: see Customer.Erase
	Plans    []Plan   // all of the customer's, with terms as they are afterwards: see Plan.Erase
	Words    []string // the person's name and address, which are taken out of texts; the store adds former ones
	// Objects are Stripe's ids (pi_…, pm_…, cus_…, seti_…, ch_…) by which Stripe's events about the
	// customer are found, now and when more come.
	Objects []string
	// Payments are the PaymentIntents among them. Refunds and disputes name one in their body.
	Payments []string
	At       time.Time
}

// Eraser removes personal data. It is part of Tx.
type Eraser interface {
	// EraseCustomer removes what rows of every kind hold of the person, and remembers the Stripe
	// objects. Amounts, dates, states, ids and what happened stay. Errors: ErrConflict where the
	// customer or a plan was changed since it was read.
	EraseCustomer(ctx context.Context, e Erasure) (Erased, error)
	// EraseEvent empties the body of a handled event where it is about one of the Stripe objects of
	// an erased customer.
	EraseEvent(ctx context.Context, event string, objects ...string) error
}

// Erased counts the rows that something was removed from.
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

// Erase is the customer without personal data. The reference goes too, because it may say who it
// is: the next plan with it makes another customer.
func (c Customer) Erase(now time.Time) Customer {
	return Customer{
		ID: c.ID, Reference: "erased-" + string(c.ID), ErasedAt: now, CreatedAt: c.CreatedAt, UpdatedAt: now, Version: c.Version,
	}
}

// Words are what names the customer in texts. Words of one or two letters are left out: they are in
// too many others.
func (c Customer) Words() []string {
	var words []string
	for _, w := range []string{c.Email, c.Name} {
		if len([]rune(w)) > 2 {
			words = append(words, w)
		}
	}
	return words
}

// ErasedWord stands in place of a name or an address.
const ErasedWord = "[erased]"

// Erase is the plan with terms that say nothing of the customer and hold no description, which is
// the merchant's own text, and with a reason that does not name them. The request for its
// SetupIntent goes too. c is the customer as they are afterwards.
func (p Plan) Erase(c Customer, words []string) (Plan, error) {
	for _, w := range words {
		p.Reason = strings.ReplaceAll(p.Reason, w, ErasedWord)
	}
	p.SetupRequest = SetupRequest{}
	var t Terms
	if err := json.Unmarshal(p.Terms, &t); err != nil {
		return p, fmt.Errorf("read the terms of plan %s: %w", p.ID, err)
	}
	t.Customer, t.Description = CustomerTerms{Reference: c.Reference}, ""
	var err error
	p.Terms, err = t.JSON()
	return p, err
}

// AddObject remembers one of Stripe's objects. An empty id, or one that is there already, adds
// nothing.
func (e *Erasure) AddObject(id string) {
	if id != "" && !slices.Contains(e.Objects, id) {
		e.Objects = append(e.Objects, id)
	}
}

// AddPayment remembers a PaymentIntent.
func (e *Erasure) AddPayment(id string) {
	if id != "" && !slices.Contains(e.Payments, id) {
		e.Payments = append(e.Payments, id)
	}
	e.AddObject(id)
}
