package schedule

import (
	"time"

	"tranche/internal/calendar"
)

// Recurrence defines the future charges of a plan. Their dates are counted from the anchor, so that
// a plan of the 31st falls on 28 Feb and again on 31 Mar. The zero value means that no more charges
// follow.
type Recurrence struct {
	Every       calendar.Interval    `json:"every"`
	Anchor      calendar.Date        `json:"anchor"`                 // the date that intervals are counted from
	At          calendar.LocalTime   `json:"at"`                     // in the customer's time zone
	Next        int                  `json:"next"`                   // how many intervals after the anchor the next charge is
	Amount      int64                `json:"amount"`                 // minor units, of each charge
	Left        int                  `json:"left,omitempty"`         // how many charges follow; 0 means no such limit
	Until       calendar.Date        `json:"until,omitzero"`         // the last possible date, before a business day rule moves it; zero means no such limit
	BusinessDay calendar.BusinessDay `json:"business_day,omitempty"` // empty: a date on a weekend or holiday is kept
}

// IsZero reports whether no more charges follow.
func (r Recurrence) IsZero() bool { return r == Recurrence{} }

// Endless reports whether charges follow until the plan is canceled.
func (r Recurrence) Endless() bool { return !r.IsZero() && r.Left == 0 && r.Until.IsZero() }

// Occurrence is one charge of a recurrence.
type Occurrence struct {
	Amount int64 // minor units
	DueAt  time.Time
}

// Take returns the next charge and the recurrence after it; false when no charge follows. A charge
// at a time of day that clocks skip or show twice falls due once: see Date.At. Take ignores the
// current time: the charge may be long overdue.
func (r Recurrence) Take(loc *time.Location, holidays calendar.Holidays) (Occurrence, Recurrence, bool) {
	if r.Over() {
		return Occurrence{}, Recurrence{}, false
	}
	next := Occurrence{Amount: r.Amount, DueAt: r.BusinessDay.Shift(r.date(), holidays).At(r.At, loc)}
	if r.Left == 1 {
		return next, Recurrence{}, true
	}
	r.Next++
	r.Left = max(r.Left-1, 0)
	if r.Over() {
		r = Recurrence{}
	}
	return next, r, true
}

// Upcoming returns the next n charges, or fewer if the recurrence ends before.
func (r Recurrence) Upcoming(n int, loc *time.Location, holidays calendar.Holidays) []Occurrence {
	var list []Occurrence
	for len(list) < n {
		next, rest, ok := r.Take(loc, holidays)
		if !ok {
			break
		}
		list, r = append(list, next), rest
	}
	return list
}

// date returns the date of the next charge, before a business day rule moves it.
func (r Recurrence) date() calendar.Date { return r.Every.Date(r.Anchor, r.Next) }

// Over reports whether no more charges follow, by the recurrence's last date too.
func (r Recurrence) Over() bool {
	return r.IsZero() || !r.Until.IsZero() && r.date().After(r.Until)
}
