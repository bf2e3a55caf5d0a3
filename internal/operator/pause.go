package operator

import (
	"context"
	"fmt"
	"time"

	"tranche/internal/billing"
)

// Pause keeps a plan from charging anything until Resume. An attempt whose call was made already still ends as Stripe
// says. reason is kept with the plan; it may be empty. Errors: *RefusedError when the plan does not collect,
// billing.ErrNotFound, billing.ErrUnavailable.
func Pause(ctx context.Context, s Store, id billing.PlanID, reason string, now time.Time) (billing.Plan, error) {
	return inPlan(ctx, s, id, now, func(c *change) (billing.AuditEntry, error) {
		if !c.plan.Status.Collects() {
			return billing.AuditEntry{}, c.refuse("paused", "it is "+string(c.plan.Status))
		}
		c.plan.Status, c.plan.Reason, c.plan.PausedAt = billing.PlanPaused, because("paused by the merchant", reason), c.now
		return billing.AuditEntry{
			Action: "plan.paused", Message: because(fmt.Sprintf("plan %s is paused by the merchant", c.plan.Reference), reason),
			Next: "nothing is charged until it is resumed",
		}, nil
	})
}

// Resumption says what becomes of the dates of a plan that was paused.
type Resumption string

const (
	// CatchUp keeps the dates: what fell due in the meantime is charged at once.
	CatchUp Resumption = "catch_up"
	// Shift moves what is still to fall due, or fell due meanwhile, by as many days as the plan was paused.
	Shift Resumption = "shift"
)

// Resume lets a paused plan collect again. Charges that were declined before are tried at once, and those that wait for
// the customer go on waiting. Errors: *RefusedError when the plan is not paused, billing.ErrNotFound,
// billing.ErrUnavailable.
func Resume(ctx context.Context, s Store, id billing.PlanID, how Resumption, now time.Time) (billing.Plan, error) {
	return inPlan(ctx, s, id, now, func(c *change) (billing.AuditEntry, error) {
		if c.plan.Status != billing.PlanPaused {
			return billing.AuditEntry{}, c.refuse("resumed", "it is "+string(c.plan.Status)+", not paused")
		}
		days := 0
		if how == Shift {
			days = billing.DaysBetween(billing.DateOf(c.plan.PausedAt, c.loc), billing.DateOf(c.now, c.loc))
		}
		c.plan.Recurrence = c.plan.Recurrence.Shifted(days)
		for i := range c.charges {
			if err := c.takeUp(ctx, &c.charges[i], days); err != nil {
				return billing.AuditEntry{}, err
			}
		}
		c.plan.Status, c.plan.Reason, c.plan.PausedAt = billing.PlanActive, "", time.Time{}
		c.plan.Status = c.plan.StatusAfter(c.charges)
		entry := billing.AuditEntry{Action: "plan.resumed", Message: fmt.Sprintf("plan %s is resumed by the merchant", c.plan.Reference)}
		if days > 0 {
			entry.Message += fmt.Sprintf("; the later charges move by %d days", days)
		}
		return entry, nil
	})
}

// takeUp plans the next attempt at a charge that the pause left without one.
func (c *change) takeUp(ctx context.Context, ch *billing.Charge, days int) error {
	later := days > 0 && ch.DueAt.After(c.plan.PausedAt) // such as one that was declined and then moved
	if later && (ch.Status == billing.ChargeScheduled || ch.Status == billing.ChargeRetrying) {
		ch.DueAt = billing.ShiftedBy(ch.DueAt, days, c.loc)
	}
	switch ch.Status {
	case billing.ChargeScheduled:
		ch.NextAttemptAt = ch.DueAt
	case billing.ChargeRetrying:
		if later {
			ch.NextAttemptAt = ch.DueAt
		}
		if ch.NextAttemptAt.Before(c.now) { // none is planned, or its time passed
			ch.NextAttemptAt = c.now
		}
	default:
		return nil
	}
	ch.WakeAt, ch.Reason = ch.NextAttemptAt, ""
	return c.write(ctx, ch)
}
