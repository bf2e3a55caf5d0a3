package billing

import (
	"context"
	"fmt"
	"time"
)

// Label names a card in stored texts: by its id, because digits are personal data.
func (c Card) Label() string { return c.Brand + " card " + string(c.ID) }

// DetachCard keeps a card from being charged; why is for the record. What is due on it will ask the
// customer for another. A card that is detached already stays as it is. Errors: ErrConflict,
// ErrUnavailable.
func DetachCard(ctx context.Context, tx Tx, card Card, why string, now time.Time) error {
	if card.Status == CardDetached {
		return nil
	}
	card.Status, card.UpdatedAt = CardDetached, now
	if err := tx.UpdateCard(ctx, card); err != nil {
		return err
	}
	return tx.InsertAudit(ctx, AuditEntry{
		At: now, Actor: ActorStripe, Action: "card.detached", CustomerID: card.CustomerID, CardID: card.ID,
		Message: fmt.Sprintf("%s can no longer be charged: %s", card.Label(), why),
	})
}

// LeaveStripeCustomer records that a customer's Stripe customer is not in an account (any more):
// the next card makes a new one, and the cards at the old one can't be charged.
func LeaveStripeCustomer(ctx context.Context, tx Tx, customer Customer, account, gone string, now time.Time) error {
	if account == "" && customer.StripeCustomer == gone {
		customer.StripeCustomer, customer.UpdatedAt = "", now
		if err := tx.UpdateCustomer(ctx, customer); err != nil {
			return err
		}
	}
	return DetachCardsOf(ctx, tx, customer.ID, account, gone, now)
}

// DetachCardsOf detaches a customer's cards at a Stripe customer of an account that was deleted
// there. In a connected account they name it no more, so that the next card makes a new one; in the
// platform's own it is the customer who does.
func DetachCardsOf(ctx context.Context, tx Tx, id CustomerID, account, stripeCustomer string, now time.Time) error {
	cards, err := tx.Cards(ctx, id)
	if err != nil {
		return err
	}
	for _, card := range cards {
		if card.StripeCustomer != stripeCustomer || card.Account != account {
			continue
		}
		if err := DetachCard(ctx, tx, card, "Stripe has no customer "+stripeCustomer+" (any more)", now); err != nil {
			return err
		}
		if err := forgetStripeCustomer(ctx, tx, card.ID, now); err != nil {
			return err
		}
	}
	return nil
}

func forgetStripeCustomer(ctx context.Context, tx Tx, id CardID, now time.Time) error {
	card, err := tx.Card(ctx, id) // anew: it may just have been detached
	if err != nil || card.Account == "" {
		return err
	}
	card.StripeCustomer, card.UpdatedAt = "", now
	return tx.UpdateCard(ctx, card)
}
