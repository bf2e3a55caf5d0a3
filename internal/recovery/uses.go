package recovery

import (
	"context"
	"errors"

	"tranche/internal/billing"
)

// Use is a plan that a new card will be charged for.
type Use struct {
	Plan    billing.Plan
	Charges []billing.Charge // those that may still be charged, by sequence
}

// Now reports whether c is charged on a new card as soon as the card is saved.
func (u Use) Now(c billing.Charge) bool { return u.Plan.Status.Collects() && c.Owed() }

// usesOf lists the plans that a new card will be charged for: the page's own plan, and every other
// plan of the customer in the same account whose card is the one to be replaced, or can't be
// charged. A plan with another working card keeps it.
func usesOf(ctx context.Context, r billing.Reader, v Page) ([]Use, error) {
	plans := []billing.Plan{v.Plan}
	if v.State == StateSetup { // the plan's own SetupIntent saves a card for that plan only
		return withCharges(ctx, r, plans)
	}
	others, err := otherPlans(ctx, r, v.Plan)
	if err != nil {
		return nil, err
	}
	cards, err := chargeable(ctx, r, v.Plan.CustomerID)
	if err != nil {
		return nil, err
	}
	for _, p := range others {
		if p.CardID == v.Plan.CardID || !cards[p.CardID] {
			plans = append(plans, p)
		}
	}
	return withCharges(ctx, r, plans)
}

// otherPlans lists the customer's other plans of the account that still collect or are paused.
func otherPlans(ctx context.Context, r billing.Reader, own billing.Plan) ([]billing.Plan, error) {
	var found []billing.Plan
	for page := (billing.PlanFilter{Customer: own.CustomerID}); ; {
		plans, err := r.Plans(ctx, page)
		if err != nil {
			return nil, err
		}
		for _, p := range plans {
			if p.ID != own.ID && p.Account == own.Account && (p.Status.Collects() || p.Status == billing.PlanPaused) {
				found = append(found, p)
			}
		}
		if len(plans) < billing.MaxPage {
			return found, nil
		}
		page.Before = plans[len(plans)-1].ID
	}
}

// chargeable returns the customer's cards that can be charged.
func chargeable(ctx context.Context, r billing.Reader, customer billing.CustomerID) (map[billing.CardID]bool, error) {
	cards, err := r.Cards(ctx, customer)
	if err != nil && !errors.Is(err, billing.ErrNotFound) {
		return nil, err
	}
	good := make(map[billing.CardID]bool, len(cards))
	for _, c := range cards {
		good[c.ID] = c.Chargeable()
	}
	return good, nil
}

// withCharges reads the open charges of the plans. It leaves out other plans that have no open
// charge and no later one.
func withCharges(ctx context.Context, r billing.Reader, plans []billing.Plan) ([]Use, error) {
	ids, at := make([]billing.PlanID, len(plans)), make(map[billing.PlanID]int, len(plans))
	uses := make([]Use, len(plans))
	for i, p := range plans {
		ids[i], at[p.ID], uses[i].Plan = p.ID, i, p
	}
	charges, err := r.PlanCharges(ctx, ids...)
	if err != nil {
		return nil, err
	}
	for _, c := range charges {
		if u := &uses[at[c.PlanID]]; !c.Status.Ended() {
			u.Charges = append(u.Charges, c)
		}
	}
	listed := uses[:0]
	for i, u := range uses {
		if i == 0 || len(u.Charges) > 0 || !u.Plan.Recurrence.IsZero() {
			listed = append(listed, u)
		}
	}
	return listed, nil
}
