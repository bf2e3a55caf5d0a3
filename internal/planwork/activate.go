package planwork

import (
	"fmt"
	"time"

	"tranche/internal/billing"
	"tranche/internal/calendar"
	"tranche/internal/money"
)

// Activate starts the collection of a plan. why is the event that the plan waited for.
func (t *Tx) Activate(why string) {
	t.Plan.Status, t.Plan.ActivatedAt = billing.PlanActive, t.Now
	shiftLateDates(t)
	next := ""
	for i := range t.Charges {
		c := &t.Charges[i]
		if c.Status != billing.ChargeScheduled {
			continue
		}
		c.NextAttemptAt, c.ClaimAfter, c.Reason = c.DueAt, c.DueAt, "" // zero if the charge waits until it is requested
		t.Touch(c)
		if next == "" {
			next = fmt.Sprintf("charge %d of %s falls due %s", c.Sequence, money.FormatAmount(c.Amount, c.Currency), t.Local(c.DueAt))
		}
	}
	t.AuditPlan("plan.active", fmt.Sprintf("plan %s is active: %s", t.Plan.Reference, why), next)
}

// shiftLateDates moves the dates of the remaining charges if the first of them would be due
// already, because the first payment, or the card, came late. A customer who returns to an old
// checkout thus pays in parts, as agreed, and not everything at once. The dates move by as many
// days as the payment was late. Without a first payment, they move by the number of days since the
// first charge was due.
func shiftLateDates(t *Tx) {
	// The first charge is due when the plan was created, or when the merchant's own PaymentIntent was,
	// which may have been found late.
	loc, since, what := t.Location(), t.Charges[0].DueAt, "first payment was recorded %d days after the plan was agreed on"
	first := firstToCome(t)
	if first.IsZero() || first.After(t.Now) {
		return
	}
	if !t.Charges[0].Checkout {
		since, what = first, "card came %d days after the first charge was due"
	}
	days := calendar.DaysBetween(calendar.DateOf(since, loc), calendar.DateOf(t.Now, loc))
	if days == 0 {
		return // the next charge falls due today
	}
	t.KeepAgreed()
	toCome := func(c billing.Charge) bool { return c.Status == billing.ChargeScheduled }
	moved := t.Plan.ShiftDates(t.Charges, billing.Shift{Days: days, Moves: toCome}, t.Work.Rules, loc)
	for i := range t.Charges {
		if moved[t.Charges[i].ID] {
			t.Touch(&t.Charges[i])
		}
	}
	moves := fmt.Sprintf("plan %s: the "+what+"; the later charges move by as many", t.Plan.Reference, days)
	t.ChangeAgreed(moves)
	t.AuditPlan("plan.shifted", moves, "")
}

// firstToCome returns when the next scheduled charge falls due, or zero if none has a date.
func firstToCome(t *Tx) time.Time {
	for _, c := range t.Charges {
		if c.Status == billing.ChargeScheduled && !c.DueAt.IsZero() {
			return c.DueAt
		}
	}
	if next, _, ok := t.Plan.Recurrence.Take(t.Location(), t.Work.Rules.Holidays); ok {
		return next.DueAt
	}
	return time.Time{}
}
