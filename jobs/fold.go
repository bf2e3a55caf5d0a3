package jobs

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"tranche/internal/billing"
)

// foldDetach is how long a folded card stays attached at Stripe: an attempt on it that is under way may be sent again under its
// key until then, and must find the card that it was first sent with.
const foldDetach = keyLifetime

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

// foldCards keeps one of a customer's cards with the same number at the same Stripe customer: the one that came last. Plans of
// the others are charged on it from now on, it takes the best of their places, and they are removed at Stripe. Cards that are
// detached or revoked are left as they are: a number that the customer or its issuer withdrew does not come back by this.
func (w *Worker) foldCards(ctx context.Context, customer billing.CustomerID) error {
	cards, err := w.Store.Cards(ctx, customer)
	if err != nil || len(duplicates(cards)) == 0 {
		return err
	}
	return w.Store.Update(ctx, func(tx billing.Tx) error {
		plans, err := plansLocked(ctx, tx, customer)
		if err != nil {
			return err
		}
		cards, err := tx.LockCards(ctx, customer)
		if err != nil {
			return err
		}
		for _, pair := range duplicates(cards) {
			if err := w.fold(ctx, tx, plans, pair.older, pair.newer); err != nil {
				return err
			}
		}
		return nil
	})
}

// duplicate is a card and the newer one with the same number.
type duplicate struct{ older, newer billing.Card }

// duplicates pairs each card with the newest one that has its number. cards are oldest first.
func duplicates(cards []billing.Card) []duplicate {
	type number struct{ fingerprint, customer, account string }
	newest := map[number]billing.Card{}
	of := func(c billing.Card) number { return number{c.Fingerprint, c.StripeCustomer, c.Account} }
	for _, c := range cards {
		if foldable(c) {
			newest[of(c)] = c
		}
	}
	var pairs []duplicate
	for _, c := range cards {
		if n := newest[of(c)]; foldable(c) && n.ID != c.ID {
			pairs = append(pairs, duplicate{older: c, newer: n})
		}
	}
	return pairs
}

func foldable(c billing.Card) bool { return c.Status == billing.CardActive && c.Fingerprint != "" }

// plansLocked locks the customer's plans that may still charge something, oldest first, as everybody does.
func plansLocked(ctx context.Context, tx billing.Tx, customer billing.CustomerID) ([]billing.Plan, error) {
	var plans []billing.Plan
	for before := billing.PlanID(""); ; {
		page, err := tx.Plans(ctx, billing.PlanFilter{Customer: customer, Before: before})
		if err != nil {
			return nil, err
		}
		for _, p := range page {
			before = p.ID
			if p.Status != billing.PlanCompleted && p.Status != billing.PlanCanceled {
				plans = append(plans, p)
			}
		}
		if len(page) < billing.MaxPage {
			break
		}
	}
	slices.Reverse(plans)
	for i := range plans {
		locked, err := tx.LockPlan(ctx, plans[i].ID)
		if err != nil {
			return nil, err
		}
		plans[i] = locked
	}
	return plans, nil
}

// fold puts the newer card in the place of the older one.
func (w *Worker) fold(ctx context.Context, tx billing.Tx, plans []billing.Plan, older, newer billing.Card) error {
	now := w.Clock.Now()
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
	older.Remove(now, now.Add(foldDetach))
	if err := tx.UpdateCard(ctx, older); err != nil {
		return err
	}
	moved := 0
	for i := range plans {
		p := &plans[i]
		if p.CardID != older.ID {
			continue
		}
		p.CardID, p.UpdatedAt, moved = newer.ID, now, moved+1
		if err := tx.UpdatePlan(ctx, *p); err != nil {
			return err
		}
		p.Version++
	}
	if err := w.foldDunnings(ctx, tx, plans, older, newer); err != nil {
		return err
	}
	return tx.InsertAudit(ctx, billing.AuditEntry{
		At: now, Actor: billing.ActorTranche, Action: "card.folded", CustomerID: newer.CustomerID, CardID: newer.ID,
		Message: fmt.Sprintf("the %s card ending %s was saved twice: %s takes the place of %s, in %d plans", newer.Brand, newer.Last4, newer.PaymentMethod, older.PaymentMethod, moved),
		Next:    "the older one is removed at Stripe",
	})
}

// foldDunnings lets a charge that is tried on the older card as a backup go on with the newer one.
func (w *Worker) foldDunnings(ctx context.Context, tx billing.Tx, plans []billing.Plan, older, newer billing.Card) error {
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
