package billing

import (
	"encoding/json"
	"time"

	"tranche/internal/calendar"
	"tranche/internal/schedule"
)

// ScheduleFor returns how the plan's dates are counted. If the plan was stored without a schedule,
// it is derived from the recurrence or the terms, or else from the last charge.
func (p Plan) ScheduleFor(charges []Charge, rules Rules, loc *time.Location) schedule.Schedule {
	switch {
	case !p.Schedule.IsZero():
		return p.Schedule
	case !p.Recurrence.IsZero():
		r := p.Recurrence
		return schedule.Schedule{Every: r.Every, Anchor: r.Anchor, At: r.At, BusinessDay: r.BusinessDay, Next: r.Next}
	}
	var terms agreedDates
	_ = json.Unmarshal(p.Terms, &terms) // no interval when it fails
	s := schedule.Schedule{At: rules.ChargeTime, BusinessDay: terms.BusinessDay}
	if every, err := calendar.ParseInterval(terms.Every); err == nil {
		s.Every = every
	}
	last := lastDated(charges)
	if last.ID == "" {
		return s
	}
	s.Anchor, s.Next = calendar.DateOf(last.DueAt, loc), 1
	if !last.Checkout && !last.DueAt.Equal(s.Anchor.At(s.At, loc)) { // equal also where clocks skip the usual time
		s.At = schedule.TimeOfDay(last.DueAt, loc)
	}
	return terms.anchored(s, p.CreatedAt, last, rules, loc)
}

// agreedDates are the fields of a plan's terms that its dates follow from, in the format of
// Plan.Terms.
type agreedDates struct {
	Every       string               `json:"every"`
	Starts      string               `json:"starts"`
	BusinessDay calendar.BusinessDay `json:"business_day"`
}

// anchored counts from the start date of the terms, if the last charge is on a date that is counted
// from it.
func (t agreedDates) anchored(s schedule.Schedule, made time.Time, last Charge, rules Rules, loc *time.Location) schedule.Schedule {
	if s.Every.Count == 0 {
		return s
	}
	begin := s
	begin.Anchor = calendar.DateOf(made, loc)
	if due, err := schedule.ParseDue(t.Starts); err == nil && !due.OnRequest {
		begin.Anchor, _ = due.Anchor(rules.ChargeTime, loc)
	}
	n, ok := begin.IndexOf(calendar.DateOf(last.DueAt, loc), rules.Holidays)
	if !ok {
		return s
	}
	begin.Next = n + 1
	return begin
}

// lastDated returns the charge that falls due last, of the charges that count and have a due date.
func lastDated(charges []Charge) Charge {
	var last Charge
	for _, c := range charges {
		if !c.Dropped && !c.DueAt.IsZero() && (last.ID == "" || c.DueAt.After(last.DueAt)) {
			last = c
		}
	}
	return last
}

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
