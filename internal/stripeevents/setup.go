package stripeevents

import (
	"context"
	"errors"

	"tranche/internal/billing"
	"tranche/internal/cards"
	"tranche/internal/planwork"
)

// fetchSetup asks Stripe for a SetupIntent.
func (h *Handler) fetchSetup(ctx context.Context, s subject) (subject, error) {
	si, err := h.Gateway.SetupIntent(ctx, s.setup)
	if errors.Is(err, billing.ErrNotFound) {
		return s, notHere("SetupIntent", s.setup)
	}
	s.setupIntent, s.card, s.customer = si, si.PaymentMethod, si.Customer
	return s.labeled(si.Metadata), err
}

// handleSetupIntent saves a card that the customer set up without a payment, and lets the
// customer's plans use it.
func (h *Handler) handleSetupIntent(ctx context.Context, _ billing.Event, about subject) (verdict, error) {
	si := about.setupIntent
	if si.Status != billing.IntentSucceeded || si.PaymentMethod == "" {
		return ignored("the SetupIntent is %s", si.Status), nil
	}
	if plan, own, err := planOfSetup(ctx, h.Store, si); err != nil || own {
		if err != nil {
			return verdict{}, err
		}
		return h.setUpPlan(ctx, si, plan)
	}
	return h.cardGiven(ctx, si)
}

// cardGiven saves the card of a SetupIntent that carries Tranche's metadata. It makes these plans
// charge the card: those that the consent lists, or else the plan that the metadata names. If the
// metadata holds only the customer's reference, the merchant assigns the card to all of the
// customer's plans. Any other SetupIntent belongs to another system of the merchant: its card is
// recorded, but no plan charges it.
func (h *Handler) cardGiven(ctx context.Context, si billing.SetupIntent) (verdict, error) {
	reference := si.Metadata[billing.MetaCustomer]
	if reference == "" {
		about, err := h.fetchCard(ctx, subject{card: si.PaymentMethod})
		if err != nil {
			return verdict{}, err
		}
		return h.followCard(ctx, about.paymentMethod)
	}
	customer, err := h.Store.CustomerByReference(ctx, reference)
	if errors.Is(err, billing.ErrNotFound) {
		return unknownYet(billing.AwaitsCustomer(reference), "SetupIntent %s is for customer %s, who has no plan", si.ID, reference), nil
	}
	if err != nil || !customer.ErasedAt.IsZero() {
		return ignored("the customer's data was removed on request"), err
	}
	saved, err := h.Cards.Attach(ctx, customer, si.PaymentMethod, cards.Intent{ID: si.ID, CreatedAt: si.CreatedAt})
	if err != nil {
		return verdict{}, err
	}
	plans, err := plansOfSetup(ctx, h.Store, customer, si)
	if err != nil {
		return verdict{}, err
	}
	for _, id := range plans {
		if err := h.Cards.MoveToCard(ctx, id, customer.ID, *saved); err != nil {
			return verdict{}, err
		}
	}
	if err := h.Cards.MergeDuplicates(ctx, customer.ID); err != nil {
		return verdict{}, err
	}
	return handled, h.Store.Update(ctx, func(tx billing.Tx) error { return cards.BindConsent(ctx, tx, si.PaymentMethod, si.ID, "") })
}

// plansOfSetup lists the plans that the card of a SetupIntent is for.
func plansOfSetup(ctx context.Context, store billing.Store, customer billing.Customer, si billing.SetupIntent) ([]billing.PlanID, error) {
	plans, err := cards.ConsentedPlans(ctx, store, si.ID, billing.PlanID(si.Metadata[billing.MetaPlan]))
	if err != nil || len(plans) > 0 {
		return plans, err
	}
	open, err := billing.OpenPlans(ctx, store, customer.ID)
	for _, p := range open {
		plans = append(plans, p.ID)
	}
	return plans, err
}

// planOfSetup finds the plan that a SetupIntent was created for instead of a first payment. Other
// SetupIntents, such as the recovery page's, give a card to a customer who has plans.
func planOfSetup(ctx context.Context, store billing.Store, si billing.SetupIntent) (billing.Plan, bool, error) {
	id := si.Metadata[billing.MetaPlan]
	if id == "" {
		return billing.Plan{}, false, nil
	}
	plan, err := store.Plan(ctx, billing.PlanID(id))
	if errors.Is(err, billing.ErrNotFound) {
		return plan, false, nil
	}
	if err != nil || plan.SetupIntent == si.ID {
		return plan, err == nil, err
	}
	if plan.SetupIntent != "" || plan.Status != billing.PlanAwaitingFirstPayment && plan.CardID != "" {
		return plan, false, nil
	}
	charges, err := store.PlanCharges(ctx, plan.ID) // the answer that named the SetupIntent was lost
	return plan, err == nil && !charges[0].Checkout, err
}

// setUpPlan saves the card that the customer gave for a plan without a first payment, and activates
// the plan. For an active plan it changes nothing: the plan may have another card by then.
func (h *Handler) setUpPlan(ctx context.Context, si billing.SetupIntent, plan billing.Plan) (verdict, error) {
	if plan.Status != billing.PlanAwaitingFirstPayment {
		return ignored("plan %s is %s, and does not wait for a card", plan.Reference, planwork.Spoken(plan.Status)), nil
	}
	customer, err := h.Store.Customer(ctx, plan.CustomerID)
	if err != nil {
		return verdict{}, err
	}
	saved, err := h.Cards.Attach(ctx, customer, si.PaymentMethod, cards.Intent{ID: si.ID, CreatedAt: si.CreatedAt})
	if err != nil {
		return verdict{}, err
	}
	return handled, h.Do(ctx, plan.ID, func(t *planwork.Tx) error {
		if t.Plan.Status != billing.PlanAwaitingFirstPayment || t.Charges[0].Checkout {
			return nil
		}
		if t.Plan.SetupIntent == "" { // the answer that named the SetupIntent was lost
			t.Plan.SetupIntent = si.ID
		}
		if err := cards.SetPlanCard(ctx, t, *saved); err != nil || saved.Problem != "" {
			return err
		}
		t.Activate("the customer gave a card")
		return cards.BindConsent(ctx, t.Tx, si.PaymentMethod, si.ID, t.Charges[0].ID)
	})
}
