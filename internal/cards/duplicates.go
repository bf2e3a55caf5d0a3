package cards

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tranche/internal/billing"
	"tranche/internal/planwork"
)

// mergedDetach is how long a merged card stays attached at Stripe. An attempt on the card that is
// in flight may be sent again under its key until then, and must find the same card.
const mergedDetach = planwork.KeyLifetime

// MergeDuplicates merges a customer's cards that have the same number at the same Stripe customer.
// The newest card stays: plans of the others are charged on it from now on, it takes the best of
// their positions, and the others are removed at Stripe. Only cards that were saved for Tranche are
// merged, because another system of the merchant may charge the rest. Detached and revoked cards
// are left as they are: a number that the customer or its issuer withdrew must not come back this
// way. Errors: billing.ErrConflict; billing.ErrUnavailable.
func (k *Keeper) MergeDuplicates(ctx context.Context, customer billing.CustomerID) error {
	cards, err := k.Store.Cards(ctx, customer)
	if err != nil || len(duplicates(cards)) == 0 {
		return err
	}
	return k.Store.Update(ctx, func(tx billing.Tx) error {
		plans, err := plansLocked(ctx, tx, customer)
		if err != nil {
			return err
		}
		cards, err := tx.LockCards(ctx, customer)
		if err != nil {
			return err
		}
		for _, pair := range duplicates(cards) {
			if err := k.merge(ctx, tx, plans, pair.older, pair.newer); err != nil {
				return err
			}
		}
		return nil
	})
}

// duplicate is a card and a newer one with the same number.
type duplicate struct{ older, newer billing.Card }

// duplicates pairs each card with the newest card that has its number. cards are ordered from
// oldest to newest.
func duplicates(cards []billing.Card) []duplicate {
	type number struct{ fingerprint, customer, account string }
	newest := map[number]billing.Card{}
	of := func(c billing.Card) number { return number{c.Fingerprint, c.StripeCustomer, c.Account} }
	for _, c := range cards {
		if mergeable(c) {
			newest[of(c)] = c
		}
	}
	var pairs []duplicate
	for _, c := range cards {
		if n := newest[of(c)]; mergeable(c) && n.ID != c.ID {
			pairs = append(pairs, duplicate{older: c, newer: n})
		}
	}
	return pairs
}

// mergeable reports whether a card may be merged with others of its number.
func mergeable(c billing.Card) bool {
	return c.Own && c.Status == billing.CardActive && c.Fingerprint != ""
}

// plansLocked locks the customer's plans that may still charge, oldest first. Every caller locks in
// this order.
func plansLocked(ctx context.Context, tx billing.Tx, customer billing.CustomerID) ([]billing.Plan, error) {
	plans, err := billing.OpenPlans(ctx, tx, customer)
	for i := 0; err == nil && i < len(plans); i++ {
		plans[i], err = tx.LockPlan(ctx, plans[i].ID)
	}
	return plans, err
}

// merge replaces the older card by the newer one.
func (k *Keeper) merge(ctx context.Context, tx billing.Tx, plans []billing.Plan, older, newer billing.Card) error {
	now := k.Clock.Now()
	newer, err := tx.Card(ctx, newer.ID)
	if err != nil {
		return err
	}
	if older.Position > 0 && (newer.Position == 0 || older.Position < newer.Position) {
		newer.Position, newer.UpdatedAt = older.Position, now
		if err := tx.UpdateCard(ctx, newer); err != nil {
			return err
		}
	}
	older.Remove(now, now.Add(mergedDetach))
	if err := tx.UpdateCard(ctx, older); err != nil {
		return err
	}
	if err := k.mergeDunnings(ctx, tx, plans, older, newer); err != nil {
		return err
	}
	moved := 0
	for i := range plans {
		if plans[i].CardID != older.ID {
			continue
		}
		if err := k.mergeInPlan(ctx, tx, plans[i].ID, newer.ID, now); err != nil {
			return err
		}
		plans[i].CardID = newer.ID
		moved++
	}
	return tx.InsertAudit(ctx, billing.AuditEntry{
		At: now, Action: "card.merged", CustomerID: newer.CustomerID, CardID: newer.ID,
		Message: fmt.Sprintf("the %s was saved twice: %s takes the place of %s, in %d plans", newer.Label(), newer.PaymentMethod, older.PaymentMethod, moved),
		Next:    "the older one is removed at Stripe",
	})
}

// mergeInPlan makes a locked plan charge the newer card. Charges that wait for a card are tried:
// the customer has just entered the number again, perhaps with another expiry date.
func (k *Keeper) mergeInPlan(ctx context.Context, tx billing.Tx, id billing.PlanID, card billing.CardID, now time.Time) error {
	return k.In(ctx, tx, now, id, func(t *planwork.Tx) error {
		t.Plan.CardID = card
		_, err := t.TryCard(ctx, billing.NewCard{Actor: billing.ActorCustomer, Why: "the customer gave the card again", Now: now, WaitingOnly: true})
		return err
	})
}

// mergeDunnings moves charges that use the older card as a backup to the newer one.
func (k *Keeper) mergeDunnings(ctx context.Context, tx billing.Tx, plans []billing.Plan, older, newer billing.Card) error {
	for _, p := range plans {
		charges, err := tx.PlanCharges(ctx, p.ID)
		if err != nil {
			return err
		}
		for _, ch := range charges {
			if ch.AttemptCount == 0 || ch.Status.Ended() {
				continue
			}
			d, err := tx.Dunning(ctx, ch.ID)
			if errors.Is(err, billing.ErrNotFound) || err == nil && d.CardID != older.ID {
				continue
			}
			if err != nil {
				return err
			}
			d.CardID = newer.ID
			if err := tx.UpdateDunning(ctx, d); err != nil {
				return err
			}
		}
	}
	return nil
}
