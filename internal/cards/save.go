package cards

import (
	"context"
	"errors"
	"time"

	"tranche/internal/billing"
	"tranche/internal/planwork"
)

// Saved is a card attached to a Stripe customer, ready to be written.
type Saved struct {
	Method  billing.PaymentMethod
	Problem string // why it can't be charged later; empty if it can
	cause   string // the PaymentIntent or SetupIntent with which the customer gave the card
	Account string // the connected account that the card is saved in; empty for the platform's own
	own     bool   // see billing.Card.Own
}

// AttachPayingCard makes the card that paid a charge chargeable later, at Stripe, and returns it.
// It returns nil if the plan has the card already, or if an attempt by Tranche paid with it. A card
// that can't be saved does not prevent the payment from being recorded.
func (k *Keeper) AttachPayingCard(ctx context.Context, charge billing.Charge, pi billing.PaymentIntent) (*Saved, error) {
	plan, err := k.Store.Plan(ctx, charge.PlanID)
	switch {
	case err != nil:
		return nil, err
	case pi.PaymentMethod == "" && plan.CardID == "":
		return &Saved{Problem: "Stripe does not name the card", cause: pi.ID}, nil
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
	return k.Attach(ctx, customer, pi.PaymentMethod, Cause{Intent: pi.ID, CreatedAt: pi.CreatedAt})
}

// nothingToSave reports whether an attempt by Tranche paid with the card, or the plan has it
// already.
func (k *Keeper) nothingToSave(ctx context.Context, charge billing.Charge, plan billing.Plan, paymentMethod string) (bool, error) {
	attempts, err := k.Store.Attempts(ctx, charge.ID)
	if err != nil || ChargedByMerchant(attempts, paymentMethod) {
		return err == nil, err
	}
	card, err := k.Store.CardByPaymentMethod(ctx, paymentMethod)
	if errors.Is(err, billing.ErrNotFound) {
		return false, nil
	}
	return err == nil && keptAs(card, plan), err
}

// keptAs reports whether a card is the plan's already or was removed meanwhile. A payment with a
// removed card does not save the card again.
func keptAs(card billing.Card, plan billing.Plan) bool {
	return card.ID == plan.CardID || !card.RemovedAt.IsZero()
}

// Cause is the PaymentIntent or SetupIntent, with Tranche's metadata, with which the customer gave
// a card.
type Cause struct {
	Intent    string
	CreatedAt time.Time
}

// entered reports whether the customer entered the card for this intent. An older PaymentMethod
// existed before, so another system of the merchant may charge it.
func (c Cause) entered(pm billing.PaymentMethod) bool {
	return !pm.CreatedAt.IsZero() && !c.CreatedAt.IsZero() && !pm.CreatedAt.Before(c.CreatedAt)
}

// Attach saves a card at Stripe. A card that is attached already stays as it is, which also covers
// a lost answer.
func (k *Keeper) Attach(ctx context.Context, customer billing.Customer, paymentMethod string, from Cause) (*Saved, error) {
	saved, err := k.attachCard(ctx, customer, paymentMethod, from)
	if saved != nil {
		saved.cause = from.Intent
	}
	return saved, err
}

func (k *Keeper) attachCard(ctx context.Context, customer billing.Customer, paymentMethod string, from Cause) (*Saved, error) {
	pm, err := k.gateway.PaymentMethod(ctx, paymentMethod)
	switch {
	case errors.Is(err, billing.ErrNotFound):
		return &Saved{Method: pm, Problem: "Stripe has no PaymentMethod " + paymentMethod}, nil
	case err != nil:
		return nil, err
	case pm.Type != "" && pm.Type != "card":
		return &Saved{Method: pm, Problem: "it is a " + planwork.Spoken(pm.Type) + ", not a card"}, nil
	case pm.Customer != "":
		return &Saved{Method: pm, Account: billing.AccountOf(ctx), own: from.entered(pm)}, nil
	}
	pm.Customer, err = k.attachTo(ctx, customer, paymentMethod)
	var ge *billing.GatewayError
	if errors.As(err, &ge) && !ge.Resend() {
		return &Saved{Method: pm, Problem: "Stripe would not attach it: " + ge.Failure.Message}, nil
	}
	return &Saved{Method: pm, Account: billing.AccountOf(ctx), own: true}, err
}

// attachTo attaches a card to the customer's Stripe customer and returns the Stripe customer. If
// none exists (any more), it creates one with the card. A successful call counts as proof that the
// card is attached, because not every server repeats the customer in its answer.
func (k *Keeper) attachTo(ctx context.Context, customer billing.Customer, paymentMethod string) (string, error) {
	known, err := billing.StripeCustomerIn(ctx, k.Store, customer, billing.AccountOf(ctx))
	if err != nil {
		return "", err
	}
	if known != "" {
		err := k.attachOnce(ctx, paymentMethod, known)
		if !errors.Is(err, billing.ErrNotFound) {
			return known, err
		}
	}
	made, err := k.createCustomer(ctx, customer, paymentMethod)
	if err != nil {
		return "", err
	}
	// Later charges depend on the attachment, so it is checked at once.
	pm, err := k.gateway.PaymentMethod(ctx, paymentMethod)
	if err == nil && pm.Customer == "" {
		err = k.attachOnce(ctx, paymentMethod, made)
	}
	return made, err
}

// attachOnce attaches a card to a Stripe customer.
func (k *Keeper) attachOnce(ctx context.Context, paymentMethod, stripeCustomer string) error {
	return billing.UnderKey("attach-"+paymentMethod+"-"+stripeCustomer, func(key string) error {
		_, err := k.gateway.AttachPaymentMethod(ctx, key, paymentMethod, stripeCustomer)
		return err
	})
}

// createCustomer creates a Stripe customer with a card. If Stripe failed to carry out the call, a
// customer may have been created anyway. The card shows it, because a card belongs to at most one
// customer.
func (k *Keeper) createCustomer(ctx context.Context, customer billing.Customer, paymentMethod string) (made string, err error) {
	first := "customer-" + string(customer.ID) + "-" + paymentMethod
	err = billing.UnderKey(first, func(key string) error {
		if key != first {
			pm, err := k.gateway.PaymentMethod(ctx, paymentMethod)
			if made = pm.Customer; err != nil || made != "" {
				return err
			}
		}
		var err error
		made, err = k.gateway.CreateCustomer(ctx, key, billing.CustomerParams{
			PaymentMethod: paymentMethod, Email: customer.Email, Name: customer.Name,
			Metadata: map[string]string{billing.MetaCustomer: customer.Reference},
		})
		return err
	})
	return made, err
}
