package jobs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tranche/internal/billing"
)

// Detacher asks Stripe to detach cards that were removed here, until it has.
type Detacher struct {
	Store   billing.Store
	Gateway billing.Gateway
}

// detachAgain is how long after a call that failed Stripe is asked again.
const detachAgain = 15 * time.Minute

// Run asks about every card that is due, and returns how many were detached. One that Stripe refuses for good is left, with an
// audit entry. Errors: billing.ErrUnavailable; the first *billing.GatewayError after which the rest waits for the next run.
func (d Detacher) Run(ctx context.Context, now time.Time) (detached int, err error) {
	for {
		cards, err := d.Store.CardsToDetach(ctx, now)
		if err != nil || len(cards) == 0 {
			return detached, err
		}
		for _, card := range cards {
			if err := d.detach(ctx, card, now); err != nil {
				return detached, err
			}
			detached++
		}
	}
}

func (d Detacher) detach(ctx context.Context, card billing.Card, now time.Time) error {
	err := d.Gateway.DetachPaymentMethod(ctx, "detach-"+card.PaymentMethod, card.PaymentMethod)
	next, entry := time.Time{}, billing.AuditEntry{
		At: now, Actor: billing.ActorTranche, Action: "card.detached", CustomerID: card.CustomerID, CardID: card.ID,
		Message: fmt.Sprintf("%s card ending %s is detached at Stripe", card.Brand, card.Last4),
	}
	if ge, ok := errors.AsType[*billing.GatewayError](err); ok && ge.Resend() {
		next = now.Add(detachAgain)
	} else if err != nil {
		entry.Action = "card.detach_failed"
		entry.Message = fmt.Sprintf("%s card ending %s could not be detached at Stripe: %v", card.Brand, card.Last4, err)
		entry.Next = "it is not charged; remove it in Stripe's dashboard"
		err = nil
	}
	return errors.Join(err, d.Store.Update(ctx, func(tx billing.Tx) error {
		now, err := tx.Card(ctx, card.ID)
		if err != nil {
			return err
		}
		if now.DetachAt = next; !next.IsZero() {
			return tx.UpdateCard(ctx, now)
		}
		if err := tx.UpdateCard(ctx, now); err != nil {
			return err
		}
		return tx.InsertAudit(ctx, entry)
	}))
}
