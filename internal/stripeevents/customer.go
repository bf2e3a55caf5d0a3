package stripeevents

import (
	"context"
	"errors"

	"tranche/internal/billing"
	"tranche/internal/stripecustomer"
)

// handleCustomerDeleted releases a Stripe customer that was deleted; Stripe detaches its cards.
func (h *Handler) handleCustomerDeleted(ctx context.Context, e billing.Event, _ subject) (verdict, error) {
	exists, err := h.Gateway.CustomerExists(ctx, e.ObjectID)
	if err != nil {
		return verdict{}, err
	}
	if exists {
		return ignored("Stripe customer %s exists", e.ObjectID), nil
	}
	if err := h.cardsAreHere(ctx, e); err != nil {
		return verdict{}, err
	}
	v := handled
	err = h.Store.Update(ctx, func(tx billing.Tx) error {
		customer, err := tx.CustomerByStripe(ctx, e.ObjectID)
		if errors.Is(err, billing.ErrNotFound) {
			v = ignored("Stripe customer %s has no plan", e.ObjectID)
			return nil
		}
		if err != nil {
			return err
		}
		return h.customerGone(ctx, tx, customer, e)
	})
	return v, err
}

// cardsAreHere fails if Stripe does not have the card of a customer that it reports as deleted. The
// PaymentMethods of a deleted customer can still be fetched, so the key belongs to another account.
func (h *Handler) cardsAreHere(ctx context.Context, e billing.Event) error {
	customer, err := h.Store.CustomerByStripe(ctx, e.ObjectID)
	if errors.Is(err, billing.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	cards, err := h.Store.Cards(ctx, customer.ID)
	if err != nil {
		return err
	}
	for _, c := range cards {
		if c.StripeCustomer != e.ObjectID || c.Account != e.Account {
			continue
		}
		if _, err := h.Gateway.PaymentMethod(ctx, c.PaymentMethod); errors.Is(err, billing.ErrNotFound) {
			return notHere("PaymentMethod", c.PaymentMethod)
		}
		return nil
	}
	return nil
}

// customerGone detaches the cards of a Stripe customer that was deleted in the event's account.
func (h *Handler) customerGone(ctx context.Context, tx billing.Tx, customer billing.Customer, e billing.Event) error {
	return stripecustomer.Leave(ctx, tx, customer, e.Account, e.ObjectID, h.Clock.Now())
}
