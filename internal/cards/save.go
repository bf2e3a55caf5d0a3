package cards

import (
	"context"
	"errors"
	"slices"

	"tranche/internal/billing"
)

// Saved is a card as Attach left it at Stripe, ready to be written by SetPlanCard or Upsert.
type Saved struct {
	Method  billing.PaymentMethod
	Problem string // why it can't be charged later; empty if it can
	Account string // the connected account that the card is saved in; empty for the platform's own

	intent string // the PaymentIntent or SetupIntent with which the customer gave the card
	own    bool   // see billing.Card.Own
}

// AttachPayingCard attaches the card that paid a charge, as Attach does. It returns nil if the plan
// has the card already, if the card was removed, or if an attempt by Tranche paid with it. A card
// that can't be saved does not prevent the payment from being recorded. Errors: Attach's;
// billing.ErrNotFound.
func (k *Keeper) AttachPayingCard(ctx context.Context, charge billing.Charge, pi billing.PaymentIntent) (*Saved, error) {
	plan, err := k.Store.Plan(ctx, charge.PlanID)
	switch {
	case err != nil:
		return nil, err
	case pi.PaymentMethod == "" && plan.CardID == "":
		return &Saved{Problem: "Stripe does not name the card", intent: pi.ID}, nil
	case pi.PaymentMethod == "":
		return nil, nil
	}
	if known, err := k.nothingToSave(ctx, charge, plan, pi.PaymentMethod); err != nil || known {
		return nil, err
	}
	customer, err := k.Store.Customer(ctx, plan.CustomerID)
	if err != nil {
		return nil, err
	}
	if !customer.ErasedAt.IsZero() {
		return &Saved{Problem: "the customer's data was removed on request"}, nil
	}
	return k.Attach(ctx, customer, pi.PaymentMethod, Intent{ID: pi.ID, CreatedAt: pi.CreatedAt})
}

// nothingToSave reports whether an attempt by Tranche paid with the card, the plan has it already,
// or it was removed.
func (k *Keeper) nothingToSave(ctx context.Context, charge billing.Charge, plan billing.Plan, paymentMethod string) (bool, error) {
	attempts, err := k.Store.Attempts(ctx, charge.ID)
	if err != nil || ChargedByMerchant(attempts, paymentMethod) {
		return err == nil, err
	}
	card, err := k.Store.CardByPaymentMethod(ctx, paymentMethod)
	if errors.Is(err, billing.ErrNotFound) {
		return false, nil
	}
	return err == nil && savedOrRemoved(card, plan), err
}

// savedOrRemoved reports whether a card is the plan's already or was removed meanwhile. A payment
// with a removed card does not save the card again.
func savedOrRemoved(card billing.Card, plan billing.Plan) bool {
	return card.ID == plan.CardID || !card.RemovedAt.IsZero()
}

// ChargedByMerchant reports whether one of the attempts was an off-session attempt with the card. A
// card that the customer enters is a new PaymentMethod, so no earlier attempt was made with it.
func ChargedByMerchant(attempts []billing.Attempt, paymentMethod string) bool {
	return paymentMethod != "" && slices.ContainsFunc(attempts, func(a billing.Attempt) bool {
		return a.Initiator == billing.InitiatorMerchant && a.Params.PaymentMethod == paymentMethod
	})
}
