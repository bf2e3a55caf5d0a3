package billing

import "time"

// Recurrence is how the charges of a plan go on: each is at a date that is counted from the anchor, so that a plan of the
// 31st falls on 28 Feb and again on 31 Mar. The zero value means that no more charges follow.
type Recurrence struct {
	Every       string    `json:"every"`                  // the interval, such as "1 month"
	Anchor      string    `json:"anchor"`                 // the date that intervals are counted from, such as 2026-01-31
	At          string    `json:"at"`                     // local time of day, such as 09:00
	Next        int       `json:"next"`                   // how many intervals after the anchor the next charge is
	Amount      int64     `json:"amount"`                 // minor units, of each charge
	Left        int       `json:"left,omitempty"`         // how many charges follow; 0 means that there is no such end
	Until       time.Time `json:"until,omitzero"`         // no charge falls due after it; zero means that there is no such end
	BusinessDay string    `json:"business_day,omitempty"` // see Terms.BusinessDay
}

// IsZero says whether no more charges follow.
func (r Recurrence) IsZero() bool { return r == Recurrence{} }
