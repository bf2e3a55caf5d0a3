package terms

import (
	"fmt"
	"time"

	"tranche/internal/billing"
	"tranche/internal/calendar"
	"tranche/internal/schedule"
)

// drafter holds terms while their charges are calculated, and the faults found so far.
type drafter struct {
	Terms
	billing.Rules
	now time.Time
	loc *time.Location
	bad *billing.InvalidError

	schedule *schedule.Schedule // how dates are counted; set step by step
}

// clean reports whether no fault was found so far.
func (d drafter) clean() bool { return len(d.bad.Fields) == 0 }

// due parses a field that holds a due date; false when it can't be parsed.
func (d drafter) due(field, s string) (schedule.Due, bool) {
	if s == "" {
		d.bad.Add(field, "is missing; %s", schedule.DueExamples)
		return schedule.Due{}, false
	}
	due, err := schedule.ParseDue(s)
	if err != nil {
		d.bad.Add(field, "%q: %s", s, err)
	}
	return due, err == nil
}

// at returns the instant of a due date, by the rules of this plan.
func (d drafter) at(due schedule.Due) time.Time {
	return due.At(d.ChargeTime, d.loc, d.BusinessDay, d.Holidays)
}

// interval parses a field that holds an interval.
func (d drafter) interval(field, s string) calendar.Interval {
	every, err := calendar.ParseInterval(s)
	if err != nil {
		d.bad.Add(field, "%s", err)
	}
	return every
}

// start returns when the first charge falls due, and the date and time of day that later ones are
// counted from.
func (d drafter) start() (first time.Time, anchor calendar.Date, at calendar.LocalTime) {
	if d.Starts == "" {
		return d.now, calendar.DateOf(d.now, d.loc), d.ChargeTime
	}
	due, ok := d.due("starts", d.Starts)
	switch {
	case !ok:
	case due.OnRequest:
		d.bad.Add("starts", "needs a date: a plan of this kind can't wait for a request")
	case !d.at(due).After(d.now):
		d.bad.Add("starts", "%s is not later than now; leave it out where the first charge is paid at once", d.Starts)
	}
	anchor, at = due.Anchor(d.ChargeTime, d.loc)
	return d.at(due), anchor, at
}

// single returns the schedule of a single date: an interval that is set later counts from that
// date.
func (d drafter) single(due schedule.Due) schedule.Schedule {
	if due.OnRequest {
		return schedule.Schedule{At: d.ChargeTime}
	}
	s := schedule.Schedule{Next: 1}
	s.Anchor, s.At = due.Anchor(d.ChargeTime, d.loc)
	return s
}

// dated returns the instant of a date that was counted from the anchor.
func (d drafter) dated(day calendar.Date, at calendar.LocalTime) time.Time {
	return d.BusinessDay.Shift(day, d.Holidays).At(at, d.loc)
}

// ofAll returns " of N", where N is the number of charges; empty when the number is not known.
func ofAll(draft Draft) string {
	if !draft.Recurrence.IsZero() {
		return ""
	}
	return fmt.Sprintf(" of %d", len(draft.Charges))
}
