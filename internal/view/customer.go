package view

import (
	"time"

	"tranche/internal/billing"
	"tranche/internal/money"
	"tranche/internal/operator"
)

// Customer is the JSON of a customer.
type Customer struct {
	ID             billing.CustomerID `json:"id"`
	Reference      string             `json:"reference"`
	Email          string             `json:"email"`
	Name           string             `json:"name"`
	Locale         string             `json:"locale"`
	TimeZone       string             `json:"timezone"`
	StripeCustomer string             `json:"stripe_customer"`
	ErasedAt       *time.Time         `json:"erased_at,omitempty"`
	Cards          []Card             `json:"cards,omitempty"`
	Plans          []CustomerPlan     `json:"plans,omitempty"` // plans that may still make charges, newest first
}

// CustomerPlan is the JSON of a plan in its customer.
type CustomerPlan struct {
	ID        billing.PlanID     `json:"id"`
	Reference string             `json:"reference"`
	Kind      billing.PlanKind   `json:"kind"`
	Status    billing.PlanStatus `json:"status"`
	Currency  money.Currency     `json:"currency"`
	Total     int64              `json:"total"`
	Card      billing.CardID     `json:"card,omitempty"` // the card to charge
}

// NewCustomer returns the JSON of a customer and of the given cards.
func NewCustomer(c billing.Customer, cards []billing.Card) Customer {
	v := Customer{
		ID: c.ID, Reference: c.Reference, Email: c.Email, Name: c.Name, Locale: c.Locale, TimeZone: c.TimeZone,
		StripeCustomer: c.StripeCustomer, ErasedAt: orNull(c.ErasedAt),
	}
	for _, card := range cards {
		v.Cards = append(v.Cards, NewCard(card))
	}
	return v
}

// NewWallet returns the JSON of a customer with the open plans and the cards in order. Each card
// has the first charge that falls due after its expiry.
func NewWallet(w billing.Wallet, now time.Time) Customer {
	v := NewCustomer(w.Customer, w.Cards)
	for _, p := range w.Plans {
		v.Plans = append(v.Plans, CustomerPlan{
			ID: p.ID, Reference: p.Reference, Kind: p.Kind, Status: p.Status, Currency: p.Currency, Total: p.Total, Card: p.CardID,
		})
	}
	for i, card := range w.Cards {
		v.Cards[i].Expired = card.Expired(now)
		if ch, ok := card.ExpiresBefore(w.Charges[card.ID], billing.LoadLocation(w.Customer.TimeZone)); ok {
			v.Cards[i].ExpiresBefore = orNull(ch.DueAt)
		}
	}
	return v
}

// CardChange is the JSON of a customer's cards after a change, and of the plans that are
// charged on another card from now on.
type CardChange struct {
	Object   string              `json:"object"` // "card_change"
	Customer billing.CustomerID  `json:"customer"`
	DryRun   bool                `json:"dry_run,omitempty"` // nothing was changed
	Cards    []Card              `json:"cards"`             // in order
	Plans    []operator.PlanCard `json:"plans"`
	Message  string              `json:"message"`
}

// NewCardChange returns the JSON of a change of a customer's cards.
func NewCardChange(c operator.CardChange, dryRun bool) CardChange {
	return CardChange{
		Object: "card_change", Customer: c.Customer.ID, DryRun: dryRun, Cards: append([]Card{}, NewCustomer(c.Customer, c.Cards).Cards...),
		Plans: append([]operator.PlanCard{}, c.Plans...), Message: c.Message,
	}
}

// CustomerUpdate is the JSON of a changed customer, and of the charges that the change moved.
type CustomerUpdate struct {
	Customer
	DryRun  bool                   `json:"dry_run,omitempty"` // nothing was changed
	Moved   []operator.MovedCharge `json:"charges_moved"`
	Message string                 `json:"message"`
}

// NewCustomerUpdate returns the JSON of a change of a customer.
func NewCustomerUpdate(u operator.CustomerUpdate, dryRun bool) CustomerUpdate {
	return CustomerUpdate{
		Customer: NewCustomer(u.Customer, nil), DryRun: dryRun, Message: u.Message, Moved: append([]operator.MovedCharge{}, u.Moved...),
	}
}

// Erasure is the JSON of an erasure: the customer and the numbers of changed rows.
type Erasure struct {
	Object   string             `json:"object"`
	Customer billing.CustomerID `json:"customer"`
	ErasedAt time.Time          `json:"erased_at"`
	DryRun   bool               `json:"dry_run,omitempty"` // nothing was removed
	Erased   billing.Erased     `json:"erased"`
}

// NewErasure returns the JSON of an erasure.
func NewErasure(e operator.Erasure, dryRun bool) Erasure {
	return Erasure{Object: "erasure", Customer: e.Customer.ID, ErasedAt: e.Customer.ErasedAt, DryRun: dryRun, Erased: e.Erased}
}
