package operator

import (
	"context"
	"fmt"
	"strings"
	"time"

	"tranche/internal/billing"
	"tranche/internal/schedule"
)

// Missed is how charges are made up for that fell due while a plan was paused or defaulted. The
// empty choice charges a single missed charge at once; for several, a choice is required.
type Missed string

const (
	// MissedAll charges all of them at once.
	MissedAll Missed = "all"
	// MissedDaily charges one a day across all plans of the customer, at their charge times.
	MissedDaily Missed = "daily"
	// MissedLatest charges the last of them at once, and skips the others. It is for recurring plans.
	MissedLatest Missed = "latest"
	// MissedNone skips all of them. It is for recurring plans.
	MissedNone Missed = "none"
)

// check refuses an unknown choice, and one that is not allowed for this kind of plan.
func (m Missed) check(kind billing.PlanKind) error {
	if m == "" {
		return nil
	}
	if why := billing.CatchUpOf(string(m)).Problem(kind); why != "" {
		return invalid("missed", "%s", why)
	}
	return nil
}

// overdue is a missed charge: a charge of the plan, or a period of a recurring plan whose charge
// was not written yet and has no id.
type overdue struct {
	billing.Charge
	at time.Time // when it is charged
}

// catchUp schedules or skips missed charges as chosen: the charges that is selects, and the missed
// periods of a recurring plan. It returns the text that lists them. Errors: *RefusedError, which
// lists them, if there are several and no choice.
func (c *change) catchUp(ctx context.Context, op Operation, missed Missed, is func(billing.Charge) bool) (string, error) {
	if err := missed.check(c.Plan.Kind); err != nil {
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
		if err := c.drop(m.ID, "missed, and skipped by the merchant"); err != nil {
			return "", err
		}
	}
	c.Plan.Recurrence = rest
	for i := range keep {
		if err := c.makeMissed(ctx, &keep[i], missed); err != nil {
			return "", err
		}
	}
	return c.outcome(keep, skip), nil
}

// mayCatchUp refuses if a choice is required and missing, or if the plan would have too many
// charges.
func (c *change) mayCatchUp(op Operation, missed Missed, list []overdue) error {
	if len(list) > 1 && missed == "" {
		why := fmt.Sprintf("%d charges were missed (%s): choose which are charged with missed = all, daily%s", len(list), c.listed(list), recurringChoices(c.Plan.Kind))
		return &RefusedError{What: fmt.Sprintf("plan %s is not changed (%s)", c.Plan.Reference, op), Why: why}
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

// missedCharges returns the missed charges by due time, and the plan's recurrence after them.
func (c *change) missedCharges(is func(billing.Charge) bool) ([]overdue, schedule.Recurrence) {
	var list []overdue
	for _, ch := range c.Charges {
		if is(ch) {
			list = append(list, overdue{Charge: ch})
		}
	}
	r := c.Plan.Recurrence
	for {
		next, rest, ok := r.Take(c.Location(), c.Work.Rules.Holidays)
		if !ok || next.DueAt.After(c.Now) {
			return list, r
		}
		list, r = append(list, overdue{Charge: billing.Charge{Amount: next.Amount, DueAt: next.DueAt, Status: billing.ChargeScheduled}}), rest
	}
}

// makeMissed schedules a missed charge.
func (c *change) makeMissed(ctx context.Context, m *overdue, missed Missed) error {
	ch := m.Charge
	fresh := ch.ID == ""
	if fresh {
		ch = billing.Charge{
			ID: billing.NewChargeID(c.Now), PlanID: c.Plan.ID, CustomerID: c.Plan.CustomerID, Sequence: len(c.Charges) + 1, Amount: ch.Amount,
			Currency: c.Plan.Currency, DueAt: ch.DueAt, Status: billing.ChargeScheduled, CreatedAt: c.Now, UpdatedAt: c.Now, Version: 1,
		}
	}
	m.at = c.Now
	if missed == MissedDaily {
		var err error
		at := c.Plan.ScheduleFor(c.Charges, c.Work.Rules, c.Location()).At
		if m.at, err = billing.NextCatchUp(ctx, c.Tx.Tx, ch, c.Now, at, c.Location()); err != nil {
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
	if m.Charge = ch; fresh {
		c.Add(ch)
	} else {
		c.Put(ch)
	}
	return c.Flush(ctx) // the next one's day is chosen after it
}

// mostListed is how many charges an answer lists at most.
const mostListed = 12

// listed returns missed charges as text, with amount and due date.
func (c *change) listed(list []overdue) string {
	var parts []string
	for _, m := range list[:min(len(list), mostListed)] {
		parts = append(parts, fmt.Sprintf("%s due %s", c.money(m.Amount), m.DueAt.In(c.Location()).Format("2 Jan 2006")))
	}
	if more := len(list) - mostListed; more > 0 {
		parts = append(parts, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(parts, ", ")
}

// outcome returns as text when each missed charge is charged, and which are skipped.
func (c *change) outcome(keep, skip []overdue) string {
	var parts []string
	for _, m := range keep[:min(len(keep), mostListed)] {
		when := "at once"
		if m.at.After(c.Now) {
			when = c.Local(m.at)
		}
		parts = append(parts, fmt.Sprintf("charge %d of %s is made %s", m.Sequence, c.money(m.Amount), when))
	}
	if more := len(keep) - mostListed; more > 0 {
		parts = append(parts, fmt.Sprintf("%d more are made until %s", more, c.Local(keep[len(keep)-1].at)))
	}
	if len(keep) == 0 {
		parts = append(parts, "nothing is charged at once")
	}
	if len(skip) > 0 {
		parts = append(parts, fmt.Sprintf("%d are skipped: %s", len(skip), c.listed(skip)))
	}
	return strings.Join(parts, "; ")
}
