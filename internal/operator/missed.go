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

// makeUp makes up for the missed charges of a plan.
type makeUp struct {
	*change
	op     Operation
	missed Missed
}

// run schedules or skips missed charges as chosen: the charges that is selects, and the missed
// periods of a recurring plan. It returns the text that lists them. Errors: *RefusedError, which
// lists them, if there are several and no choice.
func (u makeUp) run(ctx context.Context, is func(billing.Charge) bool) (string, error) {
	if err := u.missed.check(u.Plan.Kind); err != nil {
		return "", err
	}
	list, rest := u.overdue(is)
	if err := u.refuseMissed(list); err != nil {
		return "", err
	}
	keep := list
	switch u.missed {
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
		if err := u.drop(m.ID, "missed, and skipped by the merchant"); err != nil {
			return "", err
		}
	}
	u.Plan.Recurrence = rest
	for i := range keep {
		if err := u.schedule(ctx, &keep[i]); err != nil {
			return "", err
		}
	}
	return u.outcome(keep, skip), nil
}

// refuseMissed refuses if a choice is required and missing, or if the plan would have too many
// charges.
func (u makeUp) refuseMissed(list []overdue) error {
	if len(list) > 1 && u.missed == "" {
		why := fmt.Sprintf("%d charges were missed (%s): choose which are charged with missed = all, daily%s", len(list), u.listed(list), recurringChoices(u.Plan.Kind))
		return &RefusedError{What: fmt.Sprintf("plan %s is not changed (%s)", u.Plan.Reference, u.op), Why: why}
	}
	if n := u.counted() + len(list); n > billing.MaxCharges && u.missed != MissedLatest && u.missed != MissedNone {
		return u.refuse("changed ("+string(u.op)+")", fmt.Sprintf("it would have %d charges, and no plan has more than %d", n, billing.MaxCharges))
	}
	return nil
}

func recurringChoices(kind billing.PlanKind) string {
	if kind == billing.KindRecurring {
		return ", latest or none"
	}
	return ""
}

// overdue returns the missed charges by due time, and the plan's recurrence after them.
func (u makeUp) overdue(is func(billing.Charge) bool) ([]overdue, schedule.Recurrence) {
	var list []overdue
	for _, ch := range u.Charges {
		if is(ch) {
			list = append(list, overdue{Charge: ch})
		}
	}
	r := u.Plan.Recurrence
	for {
		next, rest, ok := r.Take(u.Location(), u.Work.Rules.Holidays)
		if !ok || next.DueAt.After(u.Now) {
			return list, r
		}
		list, r = append(list, overdue{Charge: billing.Charge{Amount: next.Amount, DueAt: next.DueAt, Status: billing.ChargeScheduled}}), rest
	}
}

// schedule schedules a missed charge.
func (u makeUp) schedule(ctx context.Context, m *overdue) error {
	ch := m.Charge
	fresh := ch.ID == ""
	if fresh {
		ch = billing.Charge{
			ID: billing.NewChargeID(u.Now), PlanID: u.Plan.ID, CustomerID: u.Plan.CustomerID, Sequence: len(u.Charges) + 1, Amount: ch.Amount,
			Currency: u.Plan.Currency, DueAt: ch.DueAt, Status: billing.ChargeScheduled, CreatedAt: u.Now, UpdatedAt: u.Now, Version: 1,
		}
	}
	m.at = u.Now
	if u.missed == MissedDaily {
		var err error
		at := u.Plan.ScheduleFor(u.Charges, u.Work.Rules, u.Location()).At
		if m.at, err = billing.NextCatchUp(ctx, u.Tx.Tx, ch, u.Now, at, u.Location()); err != nil {
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
		u.Add(ch)
	} else {
		u.Put(ch)
	}
	return nil
}

// mostListed is how many charges an answer lists at most.
const mostListed = 12

// listed returns missed charges as text, with amount and due date.
func (u makeUp) listed(list []overdue) string {
	var parts []string
	for _, m := range list[:min(len(list), mostListed)] {
		parts = append(parts, fmt.Sprintf("%s due %s", u.money(m.Amount), m.DueAt.In(u.Location()).Format("2 Jan 2006")))
	}
	if more := len(list) - mostListed; more > 0 {
		parts = append(parts, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(parts, ", ")
}

// outcome returns as text when each missed charge is charged, and which are skipped.
func (u makeUp) outcome(keep, skip []overdue) string {
	var parts []string
	for _, m := range keep[:min(len(keep), mostListed)] {
		when := "at once"
		if m.at.After(u.Now) {
			when = u.Local(m.at)
		}
		parts = append(parts, fmt.Sprintf("charge %d of %s is made %s", m.Sequence, u.money(m.Amount), when))
	}
	if more := len(keep) - mostListed; more > 0 {
		parts = append(parts, fmt.Sprintf("%d more are made until %s", more, u.Local(keep[len(keep)-1].at)))
	}
	if len(keep) == 0 {
		parts = append(parts, "nothing is charged at once")
	}
	if len(skip) > 0 {
		parts = append(parts, fmt.Sprintf("%d are skipped: %s", len(skip), u.listed(skip)))
	}
	return strings.Join(parts, "; ")
}
