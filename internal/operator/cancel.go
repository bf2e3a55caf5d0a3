package operator

import (
	"context"
	"fmt"
	"time"

	"tranche/internal/billing"
)

// Cancel ends a plan: nothing more is charged, and what was paid stays paid. PaymentIntents that
// are open are canceled at Stripe by the workers. An attempt whose call was made already ends as
// Stripe says; when it took the money the charge is paid, and the audit trail says so. Errors:
// *RefusedError when the plan is over, billing.ErrNotFound, billing.ErrUnavailable.
func Cancel(ctx context.Context, s Store, id billing.PlanID, reason string, now time.Time) (billing.Plan, error) {
	r, err := End(ctx, s, id, reason, now)
	return r.Plan, err
}

// End is Cancel, with all that came of it.
func End(ctx context.Context, s Store, id billing.PlanID, reason string, now time.Time) (Result, error) {
	var r Result
	plan, err := inPlan(ctx, s, id, now, func(c *change) (billing.AuditEntry, error) {
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
			entry.Next = "an attempt is under way; what comes of it is recorded, and not tried again"
		}
		r = Result{Charges: c.charges, Message: entry.Message, Next: entry.Next}
		return entry, nil
	})
	r.Plan = plan
	return r, err
}

// stopCharges cancels every charge of the plan that is not over, and counts those that it canceled
// and those that a worker cancels once it knows what came of their attempt.
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
