package operator

import (
	"context"
	"fmt"
	"time"

	"tranche/internal/billing"
	"tranche/internal/money"
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
		plan, err := tx.LockPlan(ctx, row.PlanID)
		if err != nil {
			return err
		}
		if charge, err = tx.Charge(ctx, id); err != nil {
			return err
		}
		why, err := refusal(ctx, tx, plan, charge, now)
		if err != nil {
			return err
		}
		if why != "" {
			return &RefusedError{What: fmt.Sprintf("charge %s is not tried", id), Why: why}
		}
		return makeDue(ctx, tx, plan, &charge, now)
	})
	return charge, err
}

// makeDue makes the charge due now, with an audit entry. Because the charge's version rises, a
// worker that read it earlier can't overwrite it.
func makeDue(ctx context.Context, tx billing.Tx, plan billing.Plan, c *billing.Charge, now time.Time) error {
	was := c.Status
	to := billing.ChargeRetrying
	if was == billing.ChargeScheduled { // deferred, and never tried
		to = was
	}
	if err := c.Move(to, "", now); err != nil {
		return err
	}
	c.UpdatedAt = now
	if err := tx.UpdateCharge(ctx, *c); err != nil {
		return err
	}
	if err := settle(ctx, tx, plan, now); err != nil {
		return err
	}
	return tx.InsertAudit(ctx, billing.AuditEntry{
		At: now, Action: "charge.retry_requested", PlanID: plan.ID, ChargeID: c.ID, CustomerID: c.CustomerID,
		Message: fmt.Sprintf("charge %d of %s, which was %s, is to be tried again by hand", c.Sequence, money.FormatAmount(c.Amount, c.Currency), was),
		Next:    "tried at once",
	})
}

// settle updates the plan's status from its charges.
func settle(ctx context.Context, tx billing.Tx, plan billing.Plan, now time.Time) error {
	charges, err := tx.PlanCharges(ctx, plan.ID)
	if err != nil {
		return err
	}
	next := plan.StatusAfter(charges)
	if next == plan.Status {
		return nil
	}
	plan.Status, plan.UpdatedAt = next, now
	return tx.UpdatePlan(ctx, plan)
}
