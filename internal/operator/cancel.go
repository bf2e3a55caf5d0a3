package operator

import (
	"context"
	"fmt"
	"time"

	"tranche/internal/billing"
)

// Cancel ends a plan: nothing more is charged, and what was paid stays paid. Workers cancel its
// open PaymentIntents at Stripe. If a call to Stripe is already in flight, its result is recorded:
// a charge that it paid becomes paid, with an audit entry. Returns the plan with its charges.
// Errors: *RefusedError if the plan has ended, billing.ErrNotFound, billing.ErrUnavailable.
func (o *Operator) Cancel(ctx context.Context, id billing.PlanID, reason string) (Result, error) {
	var r Result
	c, err := o.inPlan(ctx, id, func(c *change) (billing.AuditEntry, error) {
		if !c.Plan.Status.CanBecome(billing.PlanCanceled) {
			return billing.AuditEntry{}, c.refuse("canceled", "it is "+string(c.Plan.Status))
		}
		stopped, open, err := c.stopCharges(because("the plan was canceled", reason))
		if err != nil {
			return billing.AuditEntry{}, err
		}
		c.Plan.Status, c.Plan.Reason, c.Plan.PausedAt = billing.PlanCanceled, because("canceled by the merchant", reason), time.Time{}
		c.Plan.EndRecurrence()
		entry := billing.AuditEntry{
			Action:  "plan.canceled",
			Message: because(fmt.Sprintf("plan %s is canceled by the merchant, with %d charges", c.Plan.Reference, stopped), reason),
		}
		if open > 0 {
			entry.Next = "an attempt is under way; its result is recorded, and nothing further is charged"
		}
		r = Result{Message: entry.Message, Next: entry.Next}
		return entry, nil
	})
	if err != nil {
		return Result{}, err
	}
	r.Plan, r.Charges = c.Plan, c.Charges
	return r, nil
}

// stopCharges cancels every open charge of the plan. It counts the charges that it canceled, and
// those with an attempt in flight, which a worker cancels once the result is known.
func (c *change) stopCharges(why string) (stopped, open int, err error) {
	for i := range c.Charges {
		ch := &c.Charges[i]
		switch {
		case ch.Status.Ended():
			continue
		case ch.Status == billing.ChargeCollecting:
			open++
			continue
		}
		stopped++
		if err := c.CancelCharge(ch, why); err != nil {
			return stopped, open, err
		}
	}
	return stopped, open, nil
}
