package cards

import (
	"context"
	"errors"
	"time"

	"tranche/internal/billing"
	"tranche/internal/planwork"
)

// Intent is the PaymentIntent or SetupIntent with which the customer gave a card. It carries
// Tranche's metadata.
type Intent struct {
	ID        string
	CreatedAt time.Time
}

// entered reports whether the customer entered the card for this intent. Another system of the
// merchant may charge a PaymentMethod that is older.
func (c Intent) entered(pm billing.PaymentMethod) bool {
	return !pm.CreatedAt.IsZero() && !c.CreatedAt.IsZero() && !pm.CreatedAt.Before(c.CreatedAt)
}

// Attach attaches a card to the customer's Stripe customer, in the account that ctx acts for, so
// that it can be charged later. It writes no row: see SetPlanCard. A card that is attached already
// stays as it is, which also covers a lost answer. A card that can't be charged later is returned
// with its Problem and no error. Errors: *billing.GatewayError; billing.ErrUnavailable.
func (k *Keeper) Attach(ctx context.Context, customer billing.Customer, paymentMethod string, from Intent) (*Saved, error) {
	saved, err := k.attachCard(ctx, customer, paymentMethod, from)
	if saved != nil {
		saved.intent = from.ID
	}
	return saved, err
}

// attachCard does the work of Attach.
func (k *Keeper) attachCard(ctx context.Context, customer billing.Customer, paymentMethod string, from Intent) (*Saved, error) {
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
