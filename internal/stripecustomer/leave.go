package stripecustomer

import (
	"context"
	"fmt"
	"time"

	"tranche/internal/billing"
)

// DetachCard marks a card as detached, so that it is not charged any more; why is recorded. Charges
// due on it will ask the customer for another card. A card that is detached already is left
// unchanged. Errors: ErrConflict, ErrUnavailable.
func DetachCard(ctx context.Context, tx billing.Tx, card billing.Card, why string, now time.Time) error {
	if card.Status == billing.CardDetached {
		return nil
	}
	card.Status, card.UpdatedAt = billing.CardDetached, now
	if err := tx.UpdateCard(ctx, card); err != nil {
		return err
	}
	return tx.InsertAudit(ctx, billing.AuditEntry{
		At: now, Actor: billing.ActorStripe, Action: "card.detached", CustomerID: card.CustomerID, CardID: card.ID,
		Message: fmt.Sprintf("%s can no longer be charged: %s", card.Label(), why),
	})
}

// Leave records that the Stripe customer gone does not exist in an account (any more). The next
// card creates a new Stripe customer, and the cards attached to the old one can't be charged.
func Leave(ctx context.Context, tx billing.Tx, customer billing.Customer, account, gone string, now time.Time) error {
	if account == "" && customer.StripeCustomer == gone {
		customer.StripeCustomer, customer.UpdatedAt = "", now
		if err := tx.UpdateCustomer(ctx, customer); err != nil {
			return err
		}
	}
	return detachCardsOf(ctx, tx, customer.ID, account, gone, now)
}

// detachCardsOf marks the cards of a Stripe customer that was deleted in an account as detached. In
// a connected account, the Stripe customer's id is also removed from them, so that the next card
// creates a new one; in the platform's own account, the customer's row holds that id.
func detachCardsOf(ctx context.Context, tx billing.Tx, id billing.CustomerID, account, stripeCustomer string, now time.Time) error {
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

func forgetStripeCustomer(ctx context.Context, tx billing.Tx, id billing.CardID, now time.Time) error {
	card, err := tx.Card(ctx, id) // read again: it may just have been detached
	if err != nil || card.Account == "" {
		return err
	}
	card.StripeCustomer, card.UpdatedAt = "", now
	return tx.UpdateCard(ctx, card)
}
