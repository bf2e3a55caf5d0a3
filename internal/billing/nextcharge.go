package billing

import (
	"slices"
	"time"

	"tranche/internal/calendar"
	"tranche/internal/schedule"
)

// NextCharge returns the next charge of a recurring plan, to be inserted in the transaction that
// starts collecting the previous one: while such a plan continues, one charge is always scheduled.
// It returns false while a charge is still scheduled, and for a plan that is over, or that waits
// for its first payment or its card. It updates the plan's recurrence and total. After the last
// charge the recurrence is zero, and the plan ends as others do.
func (p *Plan) NextCharge(charges []Charge, loc *time.Location, holidays calendar.Holidays, now time.Time) (Charge, bool) {
	if p.Recurrence.IsZero() || p.Status == PlanAwaitingFirstPayment || p.Status == PlanCanceled || p.Status == PlanCompleted {
		return Charge{}, false
	}
	next, _, ok := p.Recurrence.Take(loc, holidays)
	if ok && slices.ContainsFunc(charges, func(c Charge) bool { return c.comesBefore(next.DueAt) }) {
		return Charge{}, false
	}
	return p.take(charges, loc, holidays, now)
}

// GrowTo returns the charges of a plan's recurrence up to the one with an id, which was paid at
// Stripe and is lost from the database. It updates the plan as NextCharge does. It returns false,
// and changes nothing, when the recurrence has no such charge.
func (p *Plan) GrowTo(id ChargeID, charges []Charge, loc *time.Location, holidays calendar.Holidays, now time.Time) ([]Charge, bool) {
	if p.Status == PlanAwaitingFirstPayment || p.Status == PlanCanceled {
		return nil, false
	}
	grown, all := *p, slices.Clone(charges)
	for len(all)-len(charges) < MaxCharges {
		c, ok := grown.take(all, loc, holidays, now)
		if !ok {
			return nil, false
		}
		all = append(all, c)
		if c.ID == id {
			*p = grown
			return all[len(charges):], true
		}
	}
	return nil, false
}

// take creates the next charge of the recurrence.
func (p *Plan) take(charges []Charge, loc *time.Location, holidays calendar.Holidays, now time.Time) (Charge, bool) {
	next, rest, ok := p.Recurrence.Take(loc, holidays)
	if !ok {
		p.Recurrence = schedule.Recurrence{}
		return Charge{}, false
	}
	if p.Schedule.Every == p.Recurrence.Every {
		p.Schedule.Next = p.Recurrence.Next + 1
	}
	id := recurringChargeID(p.ID, p.Recurrence.Next, charges)
	p.Recurrence = rest
	p.Total += next.Amount
	c := Charge{
		ID: id, PlanID: p.ID, CustomerID: p.CustomerID, Sequence: lastSequence(charges) + 1, Amount: next.Amount, Currency: p.Currency,
		DueAt: next.DueAt, Status: ChargeScheduled, CreatedAt: now, UpdatedAt: now, Version: 1,
	}
	if p.Status.Collects() {
		at := next.DueAt
		c.NextAttemptAt, c.ClaimAfter = at, at
		switch {
		case c.Missed(now): // a worker decides by the plan's CatchUp
			c.ClaimAfter, c.Reason = now, "nothing ran when it fell due"
		case at.Before(now):
			c.NextAttemptAt, c.ClaimAfter = now, now // it could not be tried before it was written, so it is not overdue
		}
	}
	return c, true
}

// comesBefore reports whether the charge is still scheduled and falls due at or before due.
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

// LaterOf returns the later of two instants.
func LaterOf(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// EndRecurrence ends the recurrence: no charges follow the existing ones.
func (p *Plan) EndRecurrence() { p.Recurrence = schedule.Recurrence{} }

// Later reports whether a is after b. The zero time, which means on request, is after every other
// time.
func Later(a, b time.Time) bool {
	switch {
	case b.IsZero():
		return false
	case a.IsZero():
		return true
	}
	return a.After(b)
}
