package terms

import (
	"strconv"
	"strings"
	"time"

	"tranche/internal/calendar"
)

// The bounds of Terms.ExpiresAfter. A shorter span would expire while a customer looks for a card;
// after a longer one, the price is hardly an offer any more.
const (
	minExpiry = time.Hour
	maxExpiry = 366 * 24 * time.Hour
)

// ExpiresAt returns when a plan that is created at an instant expires by these terms; zero when the
// terms set no time, or none that can be parsed.
func (t Terms) ExpiresAt(made time.Time) time.Time {
	if hours, ok := inHours(t.ExpiresAfter); ok {
		return made.Add(time.Duration(hours) * time.Hour)
	}
	every, err := calendar.ParseInterval(t.ExpiresAfter)
	if err != nil {
		return time.Time{}
	}
	loc := t.Location()
	local := made.In(loc)
	from := time.Date(local.Year(), local.Month(), local.Day(), 0, 0, 0, 0, loc)
	day := every.Date(calendar.DateOf(made, loc), 1).At(calendar.LocalTime{}, loc)
	return made.Add(day.Sub(from))
}

// inHours reads "hour", "1 hour" or "36 hours".
func inHours(s string) (hours int, ok bool) {
	fields := strings.Fields(s)
	if len(fields) == 1 {
		fields = []string{"1", fields[0]}
	}
	if len(fields) != 2 || strings.TrimSuffix(fields[1], "s") != "hour" {
		return 0, false
	}
	n, err := strconv.ParseUint(fields[0], 10, 16)
	return int(n), err == nil
}

// checkExpiry refuses a span that can't be parsed or is out of bounds, and a span for a plan that
// waits for no checkout.
func (d drafter) checkExpiry() {
	at := d.ExpiresAt(d.now)
	switch {
	case d.Card != "":
		d.bad.Add("expires_after", "does not go with card: the plan waits for no checkout; leave it out")
	case at.IsZero():
		d.bad.Add("expires_after", "%q is not a span like \"2 hours\" or \"7 days\"", d.ExpiresAfter)
	case at.Sub(d.now) < minExpiry || at.Sub(d.now) > maxExpiry:
		d.bad.Add("expires_after", "is %q; use 1 hour at least and 366 days at most", d.ExpiresAfter)
	}
}
