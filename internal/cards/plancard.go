package cards

import (
	"context"
	"fmt"
	"slices"

	"tranche/internal/billing"
	"tranche/internal/planwork"
)

// SetPlanCard writes a saved card and makes it the card for the plan's later charges. It does not
// try the unpaid ones: see TryUnpaid. A card with a Problem is not written: the plan keeps the card
// it has, or the customer is asked for another one. Errors: the transaction's.
func SetPlanCard(ctx context.Context, t *planwork.Tx, s Saved) error {
	if s.Problem != "" {
		t.AuditPlan("card.not_saved", "the card that paid can't be charged later: "+s.Problem, "the next charge will ask the customer for a card")
		return cardMissing(ctx, t, s)
	}
	card, err := Upsert(ctx, t.Tx, t.Customer.ID, s, t.Now)
	if err != nil {
		return err
	}
	if s.Account == "" && t.Customer.StripeCustomer != s.Method.Customer {
		t.Customer.StripeCustomer, t.Customer.UpdatedAt = s.Method.Customer, t.Now
		if err := t.UpdateCustomer(ctx, t.Customer); err != nil {
			return err
		}
		t.Customer.Version++
	}
	if card.Hold != "" { // the customer has just used it, and so agreed to it
		card.Hold = ""
		if err := t.UpdateCard(ctx, card); err != nil {
			return err
		}
	}
	if t.Plan.CardID != card.ID {
		t.Plan.CardID = card.ID
		t.AuditCard(card, "card.saved", fmt.Sprintf("%s is saved for the later charges", card.Label()))
		if t.Before.CardID != "" {
			t.CardGiven(s.intent)
		}
	}
	return nil
}

// cardMissing opens an incident for a plan that has charges to come and no card, and asks the
// customer for a card. Otherwise the merchant and the customer would learn of it only when the next
// charge falls due. A plan that has a card keeps it.
func cardMissing(ctx context.Context, t *planwork.Tx, s Saved) error {
	toCome := !t.Plan.Recurrence.IsZero() || slices.ContainsFunc(t.Charges, func(c billing.Charge) bool { return !c.Checkout && !c.Status.Ended() })
	if t.Plan.CardID != "" || !t.Plan.Status.Open() || !toCome || !t.Customer.ErasedAt.IsZero() {
		return nil
	}
	_, err := t.OpenIncident(ctx, billing.Incident{
		Kind: billing.IncidentCardMissing, Subject: string(t.Plan.ID), PlanID: t.Plan.ID, CustomerID: t.Customer.ID, Account: t.Plan.Account,
		Detail: fmt.Sprintf("plan %s has no card that can be charged: %s", t.Plan.Reference, s.Problem), OpenedAt: t.Now,
	})
	t.RequestCard(s.intent)
	return err
}
