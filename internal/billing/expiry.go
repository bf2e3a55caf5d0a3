package billing

import "time"

// ExpiresAt is the first moment at which the card's last month is over, where the customer is; zero
// for a card without a date.
func (c Card) ExpiresAt(loc *time.Location) time.Time {
	if c.ExpYear == 0 || c.ExpMonth == 0 {
		return time.Time{}
	}
	return Date{Year: c.ExpYear, Month: time.Month(c.ExpMonth), Day: 1}.AddMonths(1).At(LocalTime{}, loc)
}

// ExpiresBefore is the first of the charges that the card is to pay and that falls due when it has
// expired: cards hold until the end of their month, where the customer is. A network may renew the
// card before that, so the charge is tried on it nevertheless. ok is false when there is none.
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
