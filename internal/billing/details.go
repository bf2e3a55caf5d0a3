package billing

import (
	"context"
	"errors"
	"slices"
	"time"
)

// Details is a plan with all rows that belong to it.
type Details struct {
	Plan     Plan
	Customer Customer
	Charges  []Charge // by sequence
	Attempts map[ChargeID][]Attempt
	// Incidents are the open ones, oldest first.
	Incidents []Incident
}

// LoadDetails reads a plan with its customer, charges, attempts and open incidents. Errors:
// ErrNotFound.
func LoadDetails(ctx context.Context, r Reader, id PlanID) (Details, error) {
	plan, err := r.Plan(ctx, id)
	if err != nil {
		return Details{}, err
	}
	all, err := LoadAllDetails(ctx, r, []Plan{plan})
	if err != nil {
		return Details{}, err
	}
	return all[0], nil
}

// LoadAllDetails reads the rows of each of the plans, with one query per kind of row. The result is
// in the order of the plans.
func LoadAllDetails(ctx context.Context, r Reader, plans []Plan) ([]Details, error) {
	all := make([]Details, len(plans))
	byPlan := make(map[PlanID]int, len(plans))
	planIDs, customerIDs := make([]PlanID, len(plans)), make([]CustomerID, len(plans))
	for i, p := range plans {
		all[i] = Details{Plan: p, Attempts: map[ChargeID][]Attempt{}}
		byPlan[p.ID], planIDs[i], customerIDs[i] = i, p.ID, p.CustomerID
	}
	charges, err := r.PlanCharges(ctx, planIDs...)
	if err != nil {
		return nil, err
	}
	chargeIDs, planOf := make([]ChargeID, len(charges)), make(map[ChargeID]int, len(charges))
	for i, c := range charges {
		d := byPlan[c.PlanID]
		all[d].Charges = append(all[d].Charges, c)
		chargeIDs[i], planOf[c.ID] = c.ID, d
	}
	attempts, err := r.Attempts(ctx, chargeIDs...)
	if err != nil {
		return nil, err
	}
	for _, a := range attempts {
		d := planOf[a.ChargeID]
		all[d].Attempts[a.ChargeID] = append(all[d].Attempts[a.ChargeID], a)
	}
	incidents, err := r.OpenIncidents(ctx, planIDs...)
	if err != nil {
		return nil, err
	}
	for _, i := range incidents {
		d := byPlan[i.PlanID]
		all[d].Incidents = append(all[d].Incidents, i)
	}
	customers, err := r.Customers(ctx, customerIDs...)
	if err != nil {
		return nil, err
	}
	byID := make(map[CustomerID]Customer, len(customers))
	for _, c := range customers {
		byID[c.ID] = c
	}
	for i := range all {
		all[i].Customer = byID[all[i].Plan.CustomerID]
	}
	return all, nil
}

// IncidentsOf returns the open incidents about one charge.
func (d Details) IncidentsOf(id ChargeID) []Incident {
	var list []Incident
	for _, i := range d.Incidents {
		if i.ChargeID == id {
			list = append(list, i)
		}
	}
	return list
}

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
