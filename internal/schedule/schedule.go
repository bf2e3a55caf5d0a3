package schedule

import (
	"time"

	"tranche/internal/calendar"
)

// Schedule defines how the dates of a plan are counted. Every operation that creates a date for the
// plan uses it, so that dates keep the agreed anchor day, business day rule and local time of day.
// The zero value means that the schedule is not known.
type Schedule struct {
	Every       calendar.Interval    `json:"every,omitzero"`         // zero for a plan without an interval
	Anchor      calendar.Date        `json:"anchor,omitzero"`        // the date that intervals count from
	At          calendar.LocalTime   `json:"at"`                     // in the customer's time zone
	BusinessDay calendar.BusinessDay `json:"business_day,omitempty"` // empty: a date on a weekend or holiday is kept
	Next        int                  `json:"next,omitempty"`         // number of intervals from the anchor to the next new date
}

// IsZero reports whether the schedule is not known.
func (s Schedule) IsZero() bool { return s == Schedule{} }

// Nth returns the n-th instant after the anchor; n = 0 is the anchor itself.
func (s Schedule) Nth(n int, loc *time.Location, holidays calendar.Holidays) time.Time {
	return s.Day(n, holidays).At(s.At, loc)
}

// Day returns the n-th date, after the business day rule moved it.
func (s Schedule) Day(n int, holidays calendar.Holidays) calendar.Date {
	day := s.Anchor
	if n != 0 {
		day = s.Every.Date(s.Anchor, n)
	}
	return s.BusinessDay.Shift(day, holidays)
}

// Take returns the next n instants after after, and the schedule that continues from there. The
// schedule must have an interval.
func (s Schedule) Take(n int, after time.Time, loc *time.Location, holidays calendar.Holidays) ([]time.Time, Schedule) {
	var dues []time.Time
	for len(dues) < n {
		due := s.Nth(s.Next, loc, holidays)
		s.Next++
		if due.After(after) {
			dues, after = append(dues, due), due
		}
	}
	return dues, s
}

// WithInterval returns the schedule with an interval, to continue after a charge that falls due at
// last. If the interval changes, dates count from that charge: from its date in the schedule,
// before the business day rule moved it.
func (s Schedule) WithInterval(every calendar.Interval, last time.Time, loc *time.Location, holidays calendar.Holidays) Schedule {
	if s.Every == every {
		return s
	}
	day := calendar.DateOf(last, loc)
	if n, ok := s.IndexOf(day, holidays); !ok {
		s.Anchor = day
	} else if n != 0 {
		s.Anchor = s.Every.Date(s.Anchor, n)
	}
	s.Every, s.Next = every, 1
	return s
}

// From returns the schedule counted from its n-th date.
func (s Schedule) From(n int) Schedule {
	if n != 0 && s.Every.Count > 0 {
		s.Anchor, s.Next = s.Every.Date(s.Anchor, n), s.Next-n
	}
	return s
}

// AddDays returns the schedule with its anchor moved by a number of days.
func (s Schedule) AddDays(days int) Schedule {
	if !s.Anchor.IsZero() {
		s.Anchor = s.Anchor.AddDays(days)
	}
	return s
}

// IndexOf returns the number of the schedule's date that is day, as Day counts; false when day is
// not in the schedule.
func (s Schedule) IndexOf(day calendar.Date, holidays calendar.Holidays) (int, bool) {
	if s.Anchor.IsZero() {
		return 0, false
	}
	if s.Every.Count == 0 {
		return 0, s.Day(0, holidays) == day
	}
	// A rule moves a date by calendar.LongestClosure days at most, so the search begins and ends that
	// far away.
	for n := s.before(day.AddDays(-calendar.LongestClosure)); !s.Every.Date(s.Anchor, n).After(day.AddDays(calendar.LongestClosure)); n++ {
		if s.Day(n, holidays) == day {
			return n, true
		}
	}
	return 0, false
}

// before returns a number of intervals whose date is at or before day, and close to it.
func (s Schedule) before(day calendar.Date) int {
	longest := map[string]int{"day": 1, "week": 7, "month": 31, "year": 366}[s.Every.Unit] * s.Every.Count
	n := calendar.DaysBetween(s.Anchor, day)/longest - 1
	for !s.Every.Date(s.Anchor, n+1).After(day) {
		n++
	}
	return n
}

// InZone returns when a charge falls due once the customer moves to another time zone: at the same
// local date and time of day there.
func (s Schedule) InZone(due time.Time, from, to *time.Location, holidays calendar.Holidays) time.Time {
	if due.IsZero() {
		return due
	}
	if n, ok := s.IndexOf(calendar.DateOf(due, from), holidays); ok && due.Equal(s.Nth(n, from, holidays)) {
		return s.Nth(n, to, holidays)
	}
	return InZone(due, from, to)
}

// NextDay returns the instant on the next day that the business day rule allows, at the same time
// of day. It separates charges that a rule moved to the same day.
func (s Schedule) NextDay(due time.Time, loc *time.Location, holidays calendar.Holidays) time.Time {
	at, day := TimeOfDay(due, loc), calendar.DateOf(due, loc).AddDays(1)
	for range calendar.LongestClosure {
		if s.BusinessDay == "" || holidays.Open(day) {
			break
		}
		day = day.AddDays(1)
	}
	return day.At(at, loc)
}

// TimeOfDay returns the local time in loc at an instant.
func TimeOfDay(at time.Time, loc *time.Location) calendar.LocalTime {
	local := at.In(loc)
	return calendar.LocalTime{Hour: local.Hour(), Minute: local.Minute()}
}

// InZone returns the instant when clocks in to show the local time that clocks in from show at at.
// Seconds are kept.
func InZone(at time.Time, from, to *time.Location) time.Time {
	local := at.In(from)
	whole := calendar.DateOf(at, from).At(calendar.LocalTime{Hour: local.Hour(), Minute: local.Minute()}, to)
	return whole.Add(time.Duration(local.Second())*time.Second + time.Duration(local.Nanosecond()))
}
