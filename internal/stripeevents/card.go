package stripeevents

import (
	"context"
	"errors"
	"fmt"

	"tranche/internal/billing"
	"tranche/internal/cards"
	"tranche/internal/stripecustomer"
)

// fetchCard fetches a PaymentMethod from Stripe.
func (h *Handler) fetchCard(ctx context.Context, s subject) (subject, error) {
	pm, err := h.Gateway.PaymentMethod(ctx, s.card)
	if errors.Is(err, billing.ErrNotFound) {
		return s, notHere("PaymentMethod", s.card)
	}
	s.paymentMethod, s.customer = pm, pm.Customer
	return s, err
}

// handlePaymentMethod updates our copy of a card from Stripe after the card was attached, detached,
// or renewed by the network.
func (h *Handler) handlePaymentMethod(ctx context.Context, _ billing.Event, about subject) (verdict, error) {
	return h.followCard(ctx, about.paymentMethod)
}

// followCard updates our copy of a card from Stripe.
func (h *Handler) followCard(ctx context.Context, pm billing.PaymentMethod) (verdict, error) {
	v := handled
	before, err := h.Store.CardByPaymentMethod(ctx, pm.ID)
	known := err == nil
	err = h.Store.Update(ctx, func(tx billing.Tx) error {
		v, err = h.syncCard(ctx, tx, pm)
		return err
	})
	if err != nil {
		return v, err
	}
	return v, h.afterCard(ctx, known, before, pm)
}

// afterCard does the work that follows from a new or changed card, in every plan that charges it.
func (h *Handler) afterCard(ctx context.Context, known bool, before billing.Card, pm billing.PaymentMethod) error {
	card, err := h.Store.CardByPaymentMethod(ctx, pm.ID)
	switch {
	case errors.Is(err, billing.ErrNotFound):
		return nil
	case err != nil:
		return err
	case known && card.Chargeable() && cards.Renewed(before, pm):
		err = h.Cards.TryRenewed(ctx, before)
	}
	if err != nil {
		return err
	}
	return h.Cards.MergeDuplicates(ctx, card.CustomerID)
}

// syncCard writes Stripe's data of a card that we have, or of a new card of a customer that we
// have.
func (h *Handler) syncCard(ctx context.Context, tx billing.Tx, pm billing.PaymentMethod) (verdict, error) {
	now := h.Clock.Now()
	card, err := tx.CardByPaymentMethod(ctx, pm.ID)
	switch {
	case err == nil:
		owner, err := tx.Customer(ctx, card.CustomerID)
		if err != nil || !owner.ErasedAt.IsZero() {
			return ignored("the customer's data was removed on request"), err
		}
		return handled, h.updateCard(ctx, tx, card, pm)
	case !errors.Is(err, billing.ErrNotFound):
		return verdict{}, err
	case pm.Customer == "":
		return ignored("PaymentMethod %s is not attached to a customer", pm.ID), nil
	case pm.Type != "" && pm.Type != "card":
		return ignored("PaymentMethod %s is not a card", pm.ID), nil
	}
	owner, err := tx.CustomerByStripe(ctx, pm.Customer)
	if errors.Is(err, billing.ErrNotFound) {
		return unknownYet(pm.Customer, "Stripe customer %s has no plan", pm.Customer), nil
	}
	if err != nil {
		return verdict{}, err
	}
	if !owner.ErasedAt.IsZero() {
		return ignored("the customer's data was removed on request"), nil
	}
	_, err = cards.Upsert(ctx, tx, owner.ID, cards.Saved{Method: pm, Account: billing.AccountOf(ctx)}, now)
	return handled, err
}

// updateCard writes Stripe's data of a card that we have.
func (h *Handler) updateCard(ctx context.Context, tx billing.Tx, card billing.Card, pm billing.PaymentMethod) error {
	if pm.Customer == "" { // a detached card keeps its details, because the ledger names it
		return stripecustomer.DetachCard(ctx, tx, card, "it was removed from the customer at Stripe", h.Clock.Now())
	}
	after, err := cards.Upsert(ctx, tx, card.CustomerID, cards.Saved{Method: pm, Account: card.Account}, h.Clock.Now())
	if err != nil || after.Hold == card.Hold {
		return err
	}
	return tx.InsertAudit(ctx, billing.AuditEntry{
		At: h.Clock.Now(), Actor: billing.ActorStripe, Action: "card.held", CustomerID: card.CustomerID, CardID: card.ID,
		Message: fmt.Sprintf("%s is not charged until the customer agrees: %s", after.Label(), after.Hold),
		Next:    "charges that fall due ask the customer for a card; release the card once the customer has agreed to it",
	})
}
