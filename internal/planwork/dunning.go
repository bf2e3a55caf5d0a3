package planwork

import (
	"context"
	"errors"
	"time"

	"tranche/internal/billing"
)

// CloseDunning ends a dunning.
func (t *Tx) CloseDunning(ctx context.Context, d billing.Dunning) error {
	d.Status, d.ClaimAfter, d.HeldAt = billing.DunningClosed, time.Time{}, time.Time{}
	return t.UpdateDunning(ctx, d)
}

// endDunning ends the dunning of a charge that was paid or stopped, if it has one.
func endDunning(ctx context.Context, t *Tx, c *billing.Charge) error {
	d, err := t.Dunning(ctx, c.ID)
	if errors.Is(err, billing.ErrNotFound) || err == nil && d.Status == billing.DunningClosed {
		return nil
	}
	if err != nil {
		return err
	}
	return t.CloseDunning(ctx, d)
}
