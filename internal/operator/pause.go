package operator

import (
	"context"
	"fmt"
	"time"

	"tranche/internal/billing"
	"tranche/internal/calendar"
)

// Pause stops a plan from charging anything until Resume. If a call to Stripe is already in flight,
// its result is recorded. reason, which may be empty, is stored with the plan. Errors:
// *RefusedError if the plan does not collect, billing.ErrNotFound, billing.ErrUnavailable.
func (o *Operator) Pause(ctx context.Context, id billing.PlanID, reason string) (billing.Plan, error) {
	c, err := o.inPlan(ctx, id, func(c *change) (billing.AuditEntry, error) {
		if !c.Plan.Status.Collects() {
			return billing.AuditEntry{}, c.refuse("paused", "it is "+string(c.Plan.Status))
		}
		c.Plan.Status, c.Plan.Reason, c.Plan.PausedAt = billing.PlanPaused, because("paused by the merchant", reason), c.Now
		return billing.AuditEntry{
			Action: "plan.paused", Message: because(fmt.Sprintf("plan %s is paused by the merchant", c.Plan.Reference), reason),
			Next: "nothing is charged until it is resumed",
		}, nil
	})
	if err != nil {
		return billing.Plan{}, err
	}
	return c.Plan, nil
}

// Resumption is how the dates of a plan change when it is resumed.
type Resumption string

const (
	// CatchUp keeps the dates: charges that fell due during the pause are made up for as Missed says.
	CatchUp Resumption = "catch_up"
	// Shift moves the charges that fell due during the pause, or fall due later, by the days of the
	// pause.
	Shift Resumption = "shift"
)

// Resume makes a paused plan collect again. Charges that were declined before are tried again, and
// charges that wait for the customer keep waiting. If the dates are kept and more than one charge
// is due, missed must not be empty. Errors: *RefusedError, *billing.InvalidError,
// billing.ErrNotFound, billing.ErrUnavailable.
func (o *Operator) Resume(ctx context.Context, id billing.PlanID, how Resumption, missed Missed) (Result, error) {
	var r Result
	c, err := o.inPlan(ctx, id, func(c *change) (billing.AuditEntry, error) {
		entry, err := c.resume(ctx, how, missed)
		r = Result{Message: entry.Message, Next: entry.Next}
		return entry, err
	})
	if err != nil {
		return Result{}, err
	}
	r.Plan, r.Charges = c.Plan, c.Charges
	return r, nil
}

func (c *change) resume(ctx context.Context, how Resumption, missed Missed) (billing.AuditEntry, error) {
	if c.Plan.Status != billing.PlanPaused {
		return billing.AuditEntry{}, c.refuse("resumed", "it is "+string(c.Plan.Status)+", not paused")
	}
	days := 0
	if how == Shift {
		days = calendar.DaysBetween(calendar.DateOf(c.Plan.PausedAt, c.Location()), calendar.DateOf(c.Now, c.Location()))
	}
	if days > 0 {
		if err := c.shiftByPause(days); err != nil {
			return billing.AuditEntry{}, err
		}
	}
	next, err := makeUp{c, OpResume, missed}.run(ctx, func(ch billing.Charge) bool {
		return c.fellDue(ch) || ch.Status == billing.ChargeRetrying && !ch.NextAttemptAt.After(c.Now)
	})
	if err == nil {
		err = c.planToCome()
	}
	if err != nil {
		return billing.AuditEntry{}, err
	}
	c.Plan.Status, c.Plan.Reason, c.Plan.PausedAt = billing.PlanActive, "", time.Time{}
	c.ScheduleNext()
	if c.Plan.Total = billing.SumOf(c.Charges); c.Plan.Total == 0 {
		return billing.AuditEntry{}, c.refuse("resumed", "nothing would be left of the plan: cancel it")
	}
	c.Plan.Status = c.Plan.StatusAfter(c.Charges)
	entry := billing.AuditEntry{Action: "plan.resumed", Message: fmt.Sprintf("plan %s is resumed by the merchant", c.Plan.Reference), Next: next}
	if days > 0 {
		entry.Message += fmt.Sprintf("; the later charges move by %d days", days)
	}
	return entry, nil
}

// shiftByPause moves charges that fell due during the pause, or fall due later, by the days of the
// pause.
func (c *change) shiftByPause(days int) error {
	moves := func(ch billing.Charge) bool {
		return ch.DueAt.After(c.Plan.PausedAt) && // for example declined during the pause, and then moved
			(ch.Status == billing.ChargeScheduled || ch.Status == billing.ChargeRetrying)
	}
	moved := c.Plan.ShiftDates(c.Charges, billing.Shift{Days: days, Moves: moves, Exact: true}, c.Work.Rules, c.Location())
	for _, ch := range c.Charges {
		if !moved[ch.ID] {
			continue
		}
		if err := ch.Move(ch.Status, "", ch.DueAt); err != nil {
			return err
		}
		c.Put(ch)
	}
	return nil
}
