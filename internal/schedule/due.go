package schedule

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"tranche/internal/calendar"
)

// Due is a due date as the merchant writes it. Exactly one of its fields is set.
type Due struct {
	Date      calendar.Date // falls due at the time of day of charges, where the customer is
	Instant   time.Time     // UTC, whole milliseconds
	OnRequest bool          // when the merchant asks for it
}

// onRequest is how a merchant writes that a charge is due on request.
const onRequest = "on request"

// DueExamples lists the forms that ParseDue accepts, as advice after an error.
const DueExamples = `use a date like 2026-12-20, an instant like 2026-12-20T09:00:00Z, "30 days before 2026-12-20" or "2 weeks after 2026-12-20"`

// ParseDue parses "2026-12-20", "2026-12-20T09:00:00Z", "30 days before 2026-12-20", "1 month after
// 2026-12-20" and "on request". Counting months forward or back ends on the last day of a shorter
// month. Its errors are meant to follow the given text.
func ParseDue(s string) (Due, error) {
	if s == onRequest {
		return Due{OnRequest: true}, nil
	}
	if instant, err := time.Parse(time.RFC3339, s); err == nil {
		return checkDue(Due{Instant: instant.UTC().Truncate(time.Millisecond)}, instant.Year())
	}
	if d, err := calendar.ParseDate(s); err == nil {
		return checkDue(Due{Date: d}, d.Year)
	}
	span, direction, day, ok := cutSpan(s)
	if !ok {
		return Due{}, fmt.Errorf("is not a valid date; %s", DueExamples)
	}
	every, err := calendar.ParseInterval(span)
	if err != nil {
		return Due{}, err
	}
	date, err := calendar.ParseDate(day)
	if err != nil {
		return Due{}, err
	}
	d := every.Date(date, direction)
	return checkDue(Due{Date: d}, d.Year)
}

// checkDue refuses dates before 1970: they can only be typing errors, and year 1 can't be
// distinguished from an unset date.
func checkDue(d Due, year int) (Due, error) {
	if year < 1970 {
		return Due{}, errors.New("is before the year 1970")
	}
	return d, nil
}

// cutSpan splits "30 days before 2026-12-20" into its parts; the direction is -1 or 1.
func cutSpan(s string) (span string, direction int, day string, ok bool) {
	if span, day, ok = strings.Cut(s, " before "); ok {
		return span, -1, day, true
	}
	span, day, ok = strings.Cut(s, " after ")
	return span, 1, day, ok
}

// At returns the instant of the due date: for a date, at the given time of day and place, after the
// business day rule moved it. An instant is returned as it is, and "on request" is the zero time.
func (d Due) At(at calendar.LocalTime, loc *time.Location, rule calendar.BusinessDay, holidays calendar.Holidays) time.Time {
	switch {
	case d.OnRequest:
		return time.Time{}
	case !d.Instant.IsZero():
		return d.Instant
	}
	return rule.Shift(d.Date, holidays).At(at, loc)
}

// Anchor returns the date and time of day that later charges are counted from.
func (d Due) Anchor(at calendar.LocalTime, loc *time.Location) (calendar.Date, calendar.LocalTime) {
	if d.Instant.IsZero() {
		return d.Date, at
	}
	local := d.Instant.In(loc)
	return calendar.DateOf(d.Instant, loc), calendar.LocalTime{Hour: local.Hour(), Minute: local.Minute()}
}
