package cards

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tranche/internal/billing"
)

// holdFor returns why a card is not charged: the customer agreed to a card of another brand, whose
// terms may differ.
func holdFor(card billing.Card, pm billing.PaymentMethod) string {
	if card.Status != billing.CardActive || card.Brand == "" || pm.Brand == card.Brand {
		return card.Hold
	}
	return fmt.Sprintf("its network replaced the %s card by a %s card", card.Brand, pm.Brand)
}

// Upsert writes Stripe's data of a saved card, and returns the row. A new card belongs to owner. A
// card that was removed here stays removed, and a card whose brand has changed is held until the
// customer agrees to it. Errors: billing.ErrUnavailable.
func Upsert(ctx context.Context, tx billing.Tx, owner billing.CustomerID, s Saved, now time.Time) (billing.Card, error) {
	pm := s.Method
	card, err := tx.CardByPaymentMethod(ctx, pm.ID)
	fresh := errors.Is(err, billing.ErrNotFound)
	if err != nil && !fresh {
		return card, err
	}
	if fresh {
		card = billing.Card{ID: billing.NewCardID(now), CustomerID: owner, PaymentMethod: pm.ID, Account: s.Account, Status: billing.CardActive, CreatedAt: now}
	}
	if !fresh {
		// The card is read again under the lock of the customer's cards, so that a concurrent change by an
		// operator is not overwritten.
		if card, err = lockCard(ctx, tx, card); err != nil {
			return card, err
		}
		card.Hold = holdFor(card, pm)
	}
	card.Own = card.Own || s.own
	card.StripeCustomer, card.Brand, card.Last4 = pm.Customer, pm.Brand, pm.Last4
	card.ExpMonth, card.ExpYear, card.Fingerprint, card.UpdatedAt = pm.ExpMonth, pm.ExpYear, pm.Fingerprint, now
	switch {
	case pm.Customer == "":
		card.Status = billing.CardDetached
	case card.Status == billing.CardDetached && card.RemovedAt.IsZero(): // otherwise it was removed here, permanently
		card.Status = billing.CardActive
	}
	if !fresh {
		return card, tx.UpdateCard(ctx, card)
	}
	err = tx.InsertCard(ctx, card)
	if errors.Is(err, billing.ErrExists) { // another event about the same card came first
		return tx.CardByPaymentMethod(ctx, pm.ID)
	}
	return card, err
}

// lockCard reads a card again under the lock of its customer's cards.
func lockCard(ctx context.Context, tx billing.Tx, card billing.Card) (billing.Card, error) {
	cards, err := tx.LockCards(ctx, card.CustomerID)
	if err != nil {
		return card, err
	}
	for _, c := range cards {
		if c.ID == card.ID {
			return c, nil
		}
	}
	return card, fmt.Errorf("card %s: %w", card.ID, billing.ErrNotFound)
}
