package operator

import (
	"context"
	"fmt"
	"strings"
	"time"

	"tranche/internal/billing"
)

// Missed says what becomes of the charges that fell due while a plan was paused or defaulted. The
// empty choice charges one at once; more than one need a choice.
type Missed string

const (
	// MissedAll charges all of them at once.
	MissedAll Missed = "all"
	// MissedDaily charges them one a day, over all plans of the customer, in their charging hours.
	MissedDaily Missed = "daily"
	// MissedLatest charges the last of them at once, and skips the others. It is for recurring plans.
	MissedLatest Missed = "latest"
	// MissedNone skips all of them. It is for recurring plans.
	MissedNone Missed = "none"
)

// check refuses a choice that there is not, or that a kind of plan does not take.
func (m Missed) check(kind billing.PlanKind) error {
	if m == "" {
		return nil
	}
	if why := billing.CatchUpOf(string(m)).Problem(kind); why != "" {
		return invalid("missed", "%s", why)
	}
	return nil
}

// overdue is a charge that was missed: one that the plan has, or a period that a recurring plan did
// not write yet, which has no id.
type overdue struct {
	billing.Charge
	at time.Time // when it is made
}

// catchUp plans the charges that is reports as missed, and the missed periods of a recurring plan,
// as the choice says. It returns what is charged when, in words. Errors: *RefusedError, which lists
// them, where there are several and no choice.
func (c *change) catchUp(ctx context.Context, op Operation, missed Missed, is func(billing.Charge) bool) (string, error) {
	if err := missed.check(c.plan.Kind); err != nil {
		return "", err
	}
	list, rest := c.missedCharges(is)
	if err := c.mayCatchUp(op, missed, list); err != nil {
		return "", err
	}
	keep := list
	switch missed {
	case MissedLatest:
		keep = list[max(len(list)-1, 0):]
	case MissedNone:
		keep = nil
	}
	skip := list[:len(list)-len(keep)]
	for _, m := range skip {
		if m.ID == "" {
			continue // it is never written
		}
		if err := c.drop(ctx, m.Charge, "missed, and skipped by the merchant"); err != nil {
			return "", err
		}
	}
	c.plan.Recurrence = rest
	for i := range keep {
		if err := c.makeMissed(ctx, &keep[i], missed); err != nil {
			return "", err
		}
	}
	return c.outcome(keep, skip), nil
}

// mayCatchUp refuses where a choice is needed and not made, and where the plan would grow too long.
func (c *change) mayCatchUp(op Operation, missed Missed, list []overdue) error {
	if len(list) > 1 && missed == "" {
		why := fmt.Sprintf("%d charges were missed (%s): say which are charged, missed = all, daily%s", len(list), c.listed(list), recurringChoices(c.plan.Kind))
		return &RefusedError{What: fmt.Sprintf("plan %s is not changed (%s)", c.plan.Reference, op), Why: why}
	}
	if n := c.counted() + len(list); n > billing.MaxCharges && missed != MissedLatest && missed != MissedNone {
		return c.refuse("changed ("+string(op)+")", fmt.Sprintf("it would have %d charges, and no plan has more than %d", n, billing.MaxCharges))
	}
	return nil
}

func recurringChoices(kind billing.PlanKind) string {
	if kind == billing.KindRecurring {
		return ", latest or none"
	}
	return ""
}

// missedCharges lists what was missed in the order of time, and how the plan's recurrence goes on
// after it.
func (c *change) missedCharges(is func(billing.Charge) bool) ([]overdue, billing.Recurrence) {
	var list []overdue
	for _, ch := range c.charges {
		if is(ch) {
			list = append(list, overdue{Charge: ch})
		}
	}
	r := c.plan.Recurrence
	for {
		next, rest, ok := r.Take(c.loc, c.rules.Holidays)
		if !ok || next.DueAt.After(c.now) {
			return list, r
		}
		list, r = append(list, overdue{Charge: billing.Charge{Amount: next.Amount, DueAt: next.DueAt, Status: billing.ChargeScheduled}}), rest
	}
}

// makeMissed writes when a missed charge is made.
func (c *change) makeMissed(ctx context.Context, m *overdue, missed Missed) error {
	ch := m.Charge
	fresh := ch.ID == ""
	if fresh {
		ch = billing.Charge{
			ID: billing.NewChargeID(c.now), PlanID: c.plan.ID, CustomerID: c.plan.CustomerID, Sequence: len(c.charges) + 1, Amount: ch.Amount,
			Currency: c.plan.Currency, DueAt: ch.DueAt, Status: billing.ChargeScheduled, CreatedAt: c.now, UpdatedAt: c.now, Version: 1,
		}
	}
	m.at = c.now
	if missed == MissedDaily {
		var err error
		at := c.plan.ScheduleFor(c.charges, c.rules, c.loc).At
		if m.at, err = billing.NextCatchUp(ctx, c.Tx, ch, c.now, at, c.loc); err != nil {
			return err
		}
	}
	to := ch.Status
	if to != billing.ChargeScheduled {
		to = billing.ChargeRetrying
	}
	if err := ch.Move(to, "", m.at); err != nil {
		return err
	}
	m.Charge = ch
	if !fresh {
		return c.put(ctx, ch)
	}
	c.charges = append(c.charges, ch)
	return c.InsertCharges(ctx, ch)
}

// mostListed bounds how many charges an answer names one by one.
const mostListed = 12

// listed names missed charges with amount and due time.
func (c *change) listed(list []overdue) string {
	var parts []string
	for _, m := range list[:min(len(list), mostListed)] {
		parts = append(parts, fmt.Sprintf("%s due %s", c.money(m.Amount), m.DueAt.In(c.loc).Format("2 Jan 2006")))
	}
	if more := len(list) - mostListed; more > 0 {
		parts = append(parts, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(parts, ", ")
}

// outcome says what is charged when, and what is skipped.
func (c *change) outcome(keep, skip []overdue) string {
	var parts []string
	for _, m := range keep[:min(len(keep), mostListed)] {
		when := "at once"
		if m.at.After(c.now) {
			when = c.local(m.at)
		}
		parts = append(parts, fmt.Sprintf("charge %d of %s is made %s", m.Sequence, c.money(m.Amount), when))
	}
	if more := len(keep) - mostListed; more > 0 {
		parts = append(parts, fmt.Sprintf("%d more are made until %s", more, c.local(keep[len(keep)-1].at)))
	}
	if len(keep) == 0 {
		parts = append(parts, "nothing is charged at once")
	}
	if len(skip) > 0 {
		parts = append(parts, fmt.Sprintf("%d are skipped: %s", len(skip), c.listed(skip)))
	}
	return strings.Join(parts, "; ")
}
