package billing

import (
	"time"

	"tranche/internal/calendar"
)

// ExpiresAt returns when the card's last month ends, in the customer's time zone; zero for a card
// without an expiry date.
func (c Card) ExpiresAt(loc *time.Location) time.Time {
	if c.ExpYear == 0 || c.ExpMonth == 0 {
		return time.Time{}
	}
	return calendar.Date{Year: c.ExpYear, Month: time.Month(c.ExpMonth), Day: 1}.AddMonths(1).At(calendar.LocalTime{}, loc)
}

// ExpiresBefore returns the first of the card's scheduled charges that falls due after the card has
// expired: at the end of its month, in the customer's time zone. The charge is tried on the card
// nevertheless, because a network may renew the card before then. ok is false when there is no such
// charge.
func (c Card) ExpiresBefore(charges []Charge, loc *time.Location) (first Charge, ok bool) {
	expired := c.ExpiresAt(loc)
	if expired.IsZero() {
		return Charge{}, false
	}
	for _, ch := range charges {
		if ch.Status == ChargeScheduled && !ch.DueAt.IsZero() && !ch.DueAt.Before(expired) && (!ok || ch.DueAt.Before(first.DueAt)) {
			first, ok = ch, true
		}
	}
	return first, ok
}
