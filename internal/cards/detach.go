package cards

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tranche/internal/billing"
)

const (
	// detachSoon is the wait before a retry when Stripe could not be reached.
	detachSoon = 5 * time.Minute
	// detachRefused is the wait before a retry when Stripe refused to remove a card. A refusal rarely
	// resolves itself.
	detachRefused = 24 * time.Hour
)

// Detacher removes at Stripe the cards that were removed here or merged into a newer one. It
// retries until that succeeds. A card is not charged from the time it was removed here, even if
// Stripe still has it. No lease is needed: detaching a card twice does no harm.
type Detacher struct {
	Store   billing.Store
	Gateway billing.Gateway
}

// Run tries every card whose time has come, and returns how many were removed. It ends early if
// Stripe does not respond. Errors: billing.ErrUnavailable; the *billing.GatewayError that ended the
// run, after which the remaining cards wait for the next run.
func (d Detacher) Run(ctx context.Context, now time.Time) (done int, err error) {
	for {
		cards, err := d.Store.CardsToDetach(ctx, now)
		if err != nil || len(cards) == 0 {
			return done, err
		}
		for _, card := range cards {
			ok, err := d.one(ctx, card, now)
			if err != nil {
				return done, err
			}
			if ok {
				done++
			}
		}
	}
}

// one removes one card at Stripe and records the outcome.
func (d Detacher) one(ctx context.Context, card billing.Card, now time.Time) (ok bool, err error) {
	// Each try has its own key: an old failure must not be replayed.
	key := fmt.Sprintf("detach-%s-%d", card.PaymentMethod, card.DetachAt.UnixMilli())
	failure := d.Gateway.DetachPaymentMethod(billing.OnAccount(ctx, card.Account), key, card.PaymentMethod)
	if err := ctx.Err(); err != nil {
		return false, err
	}
	entry := billing.AuditEntry{
		At: now, Action: "card.detached", CustomerID: card.CustomerID, CardID: card.ID,
		Message: fmt.Sprintf("%s is removed from the customer at Stripe", card.Label()),
	}
	next, answered := time.Time{}, true
	var ge *billing.GatewayError
	switch {
	case failure == nil || errors.Is(failure, billing.ErrNotFound):
	case errors.As(failure, &ge) && !ge.Resend():
		next = now.Add(detachRefused)
		entry.Action, entry.Message = "card.detach_failed", fmt.Sprintf("%s is not removed at Stripe, which refuses: %s", card.Label(), ge.Failure.Message)
		entry.Next = "it is not charged here any more; removing it is tried again tomorrow"
	default:
		next, answered = now.Add(detachSoon), false
	}
	err = d.Store.Update(ctx, func(tx billing.Tx) error {
		if err := tx.UpdateDetach(ctx, card.ID, next); err != nil || !answered {
			return err
		}
		return tx.InsertAudit(ctx, entry)
	})
	if !answered {
		err = errors.Join(err, failure)
	}
	return failure == nil && err == nil, err
}
