package billing

import (
	"slices"
	"time"
)

// BusinessDay is a rule for dates on which banks are closed, in the terms of ISDA's business day
// conventions. Empty means that such a date stays.
type BusinessDay string

const (
	// BusinessDayFollowing moves such a date to the next business day.
	BusinessDayFollowing BusinessDay = "following"
	// BusinessDayPreceding moves it to the business day before.
	BusinessDayPreceding BusinessDay = "preceding"
	// BusinessDayModifiedFollowing moves it to the next one, but to the one before where that is in
	// another month.
	BusinessDayModifiedFollowing BusinessDay = "modified_following"
)

// Known says whether it is one of the rules, or none.
func (r BusinessDay) Known() bool {
	return slices.Contains([]BusinessDay{"", BusinessDayFollowing, BusinessDayPreceding, BusinessDayModifiedFollowing}, r)
}

// Holidays are the days on which banks are closed. The zero value knows Saturdays and Sundays.
type Holidays struct {
	Weekend []time.Weekday // every week; empty means Saturday and Sunday
	Dates   map[Date]bool  // beside the weekend
}

// Open says whether the date is a business day.
func (h Holidays) Open(d Date) bool {
	weekend := h.Weekend
	if len(weekend) == 0 {
		weekend = []time.Weekday{time.Saturday, time.Sunday}
	}
	return !h.Dates[d] && !slices.Contains(weekend, d.Weekday())
}

// longestClosure bounds the search for a business day, should a list of holidays leave none.
const longestClosure = 60

// Shift is the date by this rule. A date that no business day is within 60 days of stays.
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
	for n := range longestClosure + 1 {
		if day := d.AddDays(n * step); h.Open(day) {
			return day
		}
	}
	return d
}
