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
	plan, err := o.inPlan(ctx, id, func(c *change) (billing.AuditEntry, error) {
		if !c.plan.Status.CanBecome(billing.PlanCanceled) {
			return billing.AuditEntry{}, c.refuse("canceled", "it is "+string(c.plan.Status))
		}
		stopped, open, err := c.stopCharges(ctx, because("the plan was canceled", reason))
		if err != nil {
			return billing.AuditEntry{}, err
		}
		c.plan.Status, c.plan.Reason, c.plan.PausedAt = billing.PlanCanceled, because("canceled by the merchant", reason), time.Time{}
		c.plan.EndRecurrence()
		entry := billing.AuditEntry{
			Action:  "plan.canceled",
			Message: because(fmt.Sprintf("plan %s is canceled by the merchant, with %d charges", c.plan.Reference, stopped), reason),
		}
		if open > 0 {
			entry.Next = "an attempt is under way; its result is recorded, and nothing further is charged"
		}
		r = Result{Charges: c.charges, Message: entry.Message, Next: entry.Next}
		return entry, nil
	})
	r.Plan = plan
	return r, err
}

// stopCharges cancels every open charge of the plan. It counts the charges that it canceled, and
// those with an attempt in flight, which a worker cancels once the result is known.
func (c *change) stopCharges(ctx context.Context, why string) (stopped, open int, err error) {
	for i := range c.charges {
		ch := &c.charges[i]
		switch {
		case ch.Status.Ended():
			continue
		case ch.Status == billing.ChargeCollecting:
			open++
			continue
		}
		stopped++
		if err := c.end(ctx, *ch, why); err != nil {
			return stopped, open, err
		}
	}
	return stopped, open, nil
}
