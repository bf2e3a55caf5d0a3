package calendar

import (
	"slices"
	"time"
)

// BusinessDay is the rule for due dates that fall on a weekend or bank holiday, in the terms of
// ISDA's business day conventions. Empty means that such a date is kept.
type BusinessDay string

const (
	// BusinessDayFollowing moves such a date to the next business day.
	BusinessDayFollowing BusinessDay = "following"
	// BusinessDayPreceding moves it to the business day before.
	BusinessDayPreceding BusinessDay = "preceding"
	// BusinessDayModifiedFollowing moves it to the next business day, or to the one before if the
	// next one is in another month.
	BusinessDayModifiedFollowing BusinessDay = "modified_following"
)

// Known reports whether r is one of the rules, or empty.
func (r BusinessDay) Known() bool {
	return slices.Contains([]BusinessDay{"", BusinessDayFollowing, BusinessDayPreceding, BusinessDayModifiedFollowing}, r)
}

// Holidays are the days that banks are closed. The zero value holds Saturdays and Sundays.
type Holidays struct {
	Weekend []time.Weekday // every week; empty means Saturday and Sunday
	Dates   map[Date]bool  // in addition to the weekend
}

// Open reports whether the date is a business day.
func (h Holidays) Open(d Date) bool {
	weekend := h.Weekend
	if len(weekend) == 0 {
		weekend = []time.Weekday{time.Saturday, time.Sunday}
	}
	return !h.Dates[d] && !slices.Contains(weekend, d.Weekday())
}

// LongestClosure bounds the search for a business day, in days, in case a list of holidays leaves
// none.
const LongestClosure = 60

// Shift returns the date that the rule moves d to. A date without a business day within 60 days is
// kept.
func (r BusinessDay) Shift(d Date, h Holidays) Date {
	switch r {
	case BusinessDayFollowing:
		return h.next(d, 1)
	case BusinessDayPreceding:
		return h.next(d, -1)
	case BusinessDayModifiedFollowing:
		if next := h.next(d, 1); next.Month == d.Month {
			return next
		}
		return h.next(d, -1)
	}
	return d
}

func (h Holidays) next(d Date, step int) Date {
	for n := range LongestClosure + 1 {
		if day := d.AddDays(n * step); h.Open(day) {
			return day
		}
	}
	return d
}
