package operator

import (
	"context"
	"fmt"
	"time"

	"tranche/internal/billing"
	"tranche/internal/money"
	"tranche/internal/planwork"
)

// Retry makes a charge due now that failed, waits or was deferred. The scheduler and the workers do
// the rest, with their own last check. Errors: *RefusedError, billing.ErrNotFound,
// billing.ErrUnavailable.
func (o *Operator) Retry(ctx context.Context, id billing.ChargeID) (billing.Charge, error) {
	row, err := o.store.Charge(ctx, id)
	if err != nil {
		return row, err
	}
	var charge billing.Charge
	err = o.update(ctx, func(tx billing.Tx, now time.Time) error {
		return work(o.rules).In(ctx, tx, now, row.PlanID, func(t *planwork.Tx) error {
			c, err := t.Charge(id)
			if err != nil {
				return err
			}
			why, err := refusal(ctx, tx, t.Plan, *c, now)
			if err != nil {
				return err
			}
			if why != "" {
				return &RefusedError{What: fmt.Sprintf("charge %s is not tried", id), Why: why}
			}
			err = makeDue(t, c)
			charge = *c
			return err
		})
	})
	return charge, err
}

// makeDue makes the charge due now, with an audit entry. Because the charge's version rises, a
// worker that read it earlier can't overwrite it.
func makeDue(t *planwork.Tx, c *billing.Charge) error {
	was := c.Status
	to := billing.ChargeRetrying
	if was == billing.ChargeScheduled { // deferred, and never tried
		to = was
	}
	if err := t.Move(c, to, "", t.Now); err != nil {
		return err
	}
	t.Audit(c, "charge.retry_requested",
		fmt.Sprintf("charge %d of %s, which was %s, is to be tried again by hand", c.Sequence, money.FormatAmount(c.Amount, c.Currency), was), "tried at once")
	return nil
}
