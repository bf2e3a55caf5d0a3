package jobs

import (
	"context"
	"fmt"

	"tranche/internal/billing"
)

// fold takes cards out of use that have the same number as the one that was just given: they would only be tried again where
// this one was declined. One that another plan charges stays until that plan has its own new card, or is over.
func (t *planTx) fold(ctx context.Context, card billing.Card) error {
	if card.Fingerprint == "" {
		return nil
	}
	cards, err := t.Cards(ctx, card.CustomerID)
	if err != nil {
		return err
	}
	for _, old := range cards {
		if old.ID == card.ID || old.Fingerprint != card.Fingerprint || old.Account != card.Account || old.Status != billing.CardActive {
			continue
		}
		used, err := t.chargedElsewhere(ctx, old)
		if err == nil && !used {
			err = t.foldInto(ctx, &card, old)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// foldInto takes one card out of use; the card that was given takes its place.
func (t *planTx) foldInto(ctx context.Context, card *billing.Card, old billing.Card) error {
	if card.Position == 0 && old.Position > 0 {
		card.Position = old.Position
		if err := t.UpdateCard(ctx, *card); err != nil {
			return err
		}
	}
	old.Status, old.Position, old.DetachAt, old.UpdatedAt = billing.CardDetached, 0, t.now, t.now
	if err := t.UpdateCard(ctx, old); err != nil {
		return err
	}
	entry := t.planEntry("card.folded", fmt.Sprintf("the %s card ending %s was given again; the one saved before is detached", old.Brand, old.Last4), "")
	entry.CardID = old.ID
	t.entries = append(t.entries, entry)
	return nil
}

// chargedElsewhere says whether another plan of the customer's that is not over charges the card.
func (t *planTx) chargedElsewhere(ctx context.Context, card billing.Card) (bool, error) {
	for before := billing.PlanID(""); ; {
		page, err := t.Plans(ctx, billing.PlanFilter{Customer: card.CustomerID, Before: before})
		if err != nil {
			return false, err
		}
		for _, p := range page {
			before = p.ID
			if p.ID != t.plan.ID && p.CardID == card.ID && p.Status != billing.PlanCompleted && p.Status != billing.PlanCanceled {
				return true, nil
			}
		}
		if len(page) < billing.MaxPage {
			return false, nil
		}
	}
}
