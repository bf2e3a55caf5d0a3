package billing

import (
	"slices"
	"time"
)

// GoOn gives the next charge of a plan whose charges recur, to be written in the transaction that takes up the one before: while
// such a plan goes on, one charge is always to come. It returns false while one is still to come, and for a plan that is over, or
// that waits for its first payment or its card. It changes the plan: the recurrence and the total. When the last charge was
// written the recurrence is zero, and the plan ends as others do.
func (p *Plan) GoOn(charges []Charge, loc *time.Location, holidays Holidays, now time.Time) (Charge, bool) {
	if p.Recurrence.IsZero() || p.Status == PlanAwaitingFirstPayment || p.Status == PlanCanceled || p.Status == PlanCompleted {
		return Charge{}, false
	}
	next, rest, ok := p.Recurrence.Take(loc, holidays)
	if !ok {
		p.Recurrence = Recurrence{}
		return Charge{}, false
	}
	if slices.ContainsFunc(charges, func(c Charge) bool { return c.comesBefore(next.DueAt) }) {
		return Charge{}, false
	}
	p.Recurrence = rest
	p.Total += next.Amount
	c := Charge{
		ID: NewChargeID(now), PlanID: p.ID, CustomerID: p.CustomerID, Sequence: lastSequence(charges) + 1, Amount: next.Amount, Currency: p.Currency,
		DueAt: next.DueAt, Status: ChargeScheduled, CreatedAt: now, UpdatedAt: now, Version: 1,
	}
	if p.Status.Collects() {
		at := next.DueAt
		if at.Before(now) {
			at = now // it could not be tried before it was written, so it is not overdue
		}
		c.NextAttemptAt, c.WakeAt = at, at
	}
	return c, true
}

// comesBefore says whether the charge was not taken up yet and falls due no later.
func (c Charge) comesBefore(due time.Time) bool {
	return c.Status == ChargeScheduled && !c.DueAt.IsZero() && !c.DueAt.After(due)
}

func lastSequence(charges []Charge) int {
	last := 0
	for _, c := range charges {
		last = max(last, c.Sequence)
	}
	return last
}

// Shifted is the recurrence with all its dates later by so many days. A last date stays.
func (r Recurrence) Shifted(days int) Recurrence {
	if !r.IsZero() {
		r.Anchor = r.Anchor.AddDays(days)
	}
	return r
}

// EndRecurrence leaves the plan with the charges that it has.
func (p *Plan) EndRecurrence() { p.Recurrence = Recurrence{} }

// Later says whether a comes after b, where the zero time, on the merchant's word, comes after every other.
func Later(a, b time.Time) bool {
	switch {
	case b.IsZero():
		return false
	case a.IsZero():
		return true
	}
	return a.After(b)
}

// ShiftedBy moves an instant by days, at the same time of day in a place. The zero time stays.
func ShiftedBy(at time.Time, days int, loc *time.Location) time.Time {
	if at.IsZero() {
		return at
	}
	local := at.In(loc)
	return DateOf(at, loc).AddDays(days).At(LocalTime{Hour: local.Hour(), Minute: local.Minute()}, loc)
}
