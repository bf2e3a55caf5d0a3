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
