package billing

import (
	"time"

	"tranche/internal/calendar"
	"tranche/internal/schedule"
)

// Shift moves the dates of a plan by a number of days.
type Shift struct {
	Days int
	// Moves reports whether a charge moves.
	Moves func(Charge) bool
	// Exact makes the first charge that moves fall due exactly Days later, and the others at the
	// plan's interval after it. Otherwise the dates match a plan that began Days later.
	Exact bool
}

// ShiftDates moves the dates of the plan's schedule and recurrence, and the charges. A charge on a
// date of the schedule moves to the same date of the later schedule. Any other charge moves by the
// number of days, and then off bank holidays. Charges keep their order, each after the previous
// one. ShiftDates returns the ids of the charges that moved.
func (p *Plan) ShiftDates(charges []Charge, shift Shift, rules Rules, loc *time.Location) map[ChargeID]bool {
	was := p.ScheduleFor(charges, rules, loc)
	m := shifter{Shift: shift, was: was, loc: loc, holidays: rules.Holidays}
	if shift.Exact {
		m.offset = m.first(charges, p.Recurrence)
	}
	m.is = was.From(m.offset).AddDays(shift.Days)
	p.Schedule = m.is
	if r := &p.Recurrence; !r.IsZero() {
		same := r.Every == was.Every && r.Anchor == was.Anchor
		r.Anchor = r.Anchor.AddDays(shift.Days)
		if same {
			r.Anchor, r.Next = m.is.Anchor, r.Next-m.offset
		}
	}
	return m.charges(charges)
}

// shifter is a shift of one plan.
type shifter struct {
	Shift
	was, is  schedule.Schedule
	offset   int // the number in was of the first date of is
	loc      *time.Location
	holidays calendar.Holidays
}

// first returns the number of the first date that moves.
func (m shifter) first(charges []Charge, r schedule.Recurrence) int {
	for _, c := range charges {
		if m.Moves(c) && !c.DueAt.IsZero() {
			if n, ok := m.was.IndexOf(calendar.DateOf(c.DueAt, m.loc), m.holidays); ok {
				return n
			}
		}
	}
	if !r.IsZero() && r.Anchor == m.was.Anchor {
		return r.Next
	}
	return 0
}

func (m shifter) charges(charges []Charge) map[ChargeID]bool {
	moved := map[ChargeID]bool{}
	var before time.Time
	for i := range charges {
		c := &charges[i]
		if m.Moves(*c) && !c.DueAt.IsZero() {
			c.DueAt = m.due(c.DueAt)
			for !before.IsZero() && !c.DueAt.After(before) {
				c.DueAt = m.is.NextDay(c.DueAt, m.loc, m.holidays)
			}
			moved[c.ID] = true
		}
		if !c.Status.Ended() && c.DueAt.After(before) {
			before = c.DueAt
		}
	}
	return moved
}

// due returns the later date of a charge.
func (m shifter) due(was time.Time) time.Time {
	at := schedule.TimeOfDay(was, m.loc)
	n, ok := m.was.IndexOf(calendar.DateOf(was, m.loc), m.holidays)
	switch {
	case !ok:
		return m.was.BusinessDay.Shift(calendar.DateOf(was, m.loc).AddDays(m.Days), m.holidays).At(at, m.loc)
	case was.Equal(m.was.Nth(n, m.loc, m.holidays)):
		at = m.was.At // the agreed time, if clocks skipped it
	}
	return m.is.Day(n-m.offset, m.holidays).At(at, m.loc)
}
