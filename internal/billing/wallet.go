package billing

import (
	"context"
	"errors"
	"slices"
	"time"
)

// Wallet is a customer with their cards, and the plans and charges that the cards pay for.
type Wallet struct {
	Customer Customer
	Cards    []Card // in order: see AllInOrder
	Plans    []Plan // open ones, newest first
	Charges  map[CardID][]Charge
}

// LoadWallet reads a customer's wallet. Errors: ErrNotFound.
func LoadWallet(ctx context.Context, r Reader, customer Customer, now time.Time) (Wallet, error) {
	w := Wallet{Customer: customer, Charges: map[CardID][]Charge{}}
	cards, err := r.Cards(ctx, customer.ID)
	if err != nil {
		return w, err
	}
	w.Cards = AllInOrder(cards, now)
	open, err := OpenPlans(ctx, r, customer.ID)
	if err != nil {
		return w, err
	}
	cardOf := map[PlanID]CardID{}
	var ids []PlanID
	for _, p := range slices.Backward(open) {
		w.Plans, ids, cardOf[p.ID] = append(w.Plans, p), append(ids, p.ID), p.CardID
	}
	charges, err := r.PlanCharges(ctx, ids...)
	for _, ch := range charges {
		w.Charges[cardOf[ch.PlanID]] = append(w.Charges[cardOf[ch.PlanID]], ch)
	}
	return w, err
}

// FindPlan finds a plan by id or by the merchant's reference. Errors: ErrNotFound.
func FindPlan(ctx context.Context, r Reader, name string) (Plan, error) {
	plan, err := r.Plan(ctx, PlanID(name))
	if errors.Is(err, ErrNotFound) {
		return r.PlanByReference(ctx, name)
	}
	return plan, err
}

// FindCustomer finds a customer by id or by the merchant's reference. Errors: ErrNotFound.
func FindCustomer(ctx context.Context, r Reader, name string) (Customer, error) {
	customer, err := r.Customer(ctx, CustomerID(name))
	if errors.Is(err, ErrNotFound) {
		return r.CustomerByReference(ctx, name)
	}
	return customer, err
}

// FindCard finds a card by id or by Stripe's (pm_…). Errors: ErrNotFound.
func FindCard(ctx context.Context, r Reader, name string) (Card, error) {
	card, err := r.Card(ctx, CardID(name))
	if errors.Is(err, ErrNotFound) {
		return r.CardByPaymentMethod(ctx, name)
	}
	return card, err
}
