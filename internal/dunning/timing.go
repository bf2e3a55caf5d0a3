package dunning

import (
	"hash/fnv"
	"slices"
	"strconv"
	"strings"
	"time"

	"tranche/internal/billing"
	"tranche/internal/calendar"
)

// retryAt returns the time of the n-th retry, counted from 0, after a failure at failed, and not
// before notBefore.
func (p Policy) retryAt(l Ladder, n int, charge billing.ChargeID, failed, notBefore time.Time, loc *time.Location) time.Time {
	date := l.day(calendar.DateOf(failed, loc).AddDays(l.Days[n]))
	at := p.onDay(l, n, charge, date, loc)
	for at.Before(notBefore) {
		date = l.day(later(date.AddDays(1), calendar.DateOf(notBefore, loc)))
		at = p.onDay(l, n, charge, date, loc)
	}
	return at
}

func later(a, b calendar.Date) calendar.Date {
	if calendar.DaysBetween(a, b) > 0 {
		return b
	}
	return a
}

// onDay returns the schedule's time of day on a date, with the charge's jitter and outside the
// quiet hours.
func (p Policy) onDay(l Ladder, n int, charge billing.ChargeID, date calendar.Date, loc *time.Location) time.Time {
	at := date.At(l.time(n, p.localTime()), loc).Add(p.jitter(charge, n+1))
	return p.afterQuietHours(at, loc, charge)
}

// day returns the first day at or after date that suits the schedule: a payday within the window,
// and no weekend if weekends are avoided. A payday on a weekend moves to Monday then.
func (l Ladder) day(date calendar.Date) calendar.Date {
	chosen := date
	for ahead := range l.PaydayWindow + 1 {
		if d := date.AddDays(ahead); l.isPayday(d) {
			chosen = d
			break
		}
	}
	for l.AvoidWeekends && isWeekend(chosen) {
		chosen = chosen.AddDays(1)
	}
	return chosen
}

func (l Ladder) isPayday(d calendar.Date) bool {
	return slices.ContainsFunc(l.Paydays, func(p Payday) bool { return p.falls(d) })
}

// falls reports whether a day is a payday of this kind.
func (p Payday) falls(d calendar.Date) bool {
	switch p {
	case PaydayFirst:
		return d.Day == 1
	case PaydayFifteenth:
		return d.Day == 15
	case PaydayLastWeekday:
		return d == LastWeekday(d.Year, d.Month)
	case PaydayFriday:
		return weekday(d) == time.Friday
	}
	return false
}

// LastWeekday returns the last day of a month from Monday to Friday.
func LastWeekday(year int, month time.Month) calendar.Date {
	d := calendar.Date{Year: year, Month: month, Day: 1}.AddMonths(1).AddDays(-1)
	for isWeekend(d) {
		d = d.AddDays(-1)
	}
	return d
}

func weekday(d calendar.Date) time.Weekday {
	return time.Date(d.Year, d.Month, d.Day, 12, 0, 0, 0, time.UTC).Weekday()
}

func isWeekend(d calendar.Date) bool {
	w := weekday(d)
	return w == time.Saturday || w == time.Sunday
}

// jitter returns a charge's share of the policy's spread. The result is always the same, so a
// restart changes no time; n distinguishes the charge's retries.
func (p Policy) jitter(charge billing.ChargeID, n int) time.Duration {
	if p.Jitter <= 0 {
		return 0
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(string(charge) + ":" + strconv.Itoa(n))) // documented never to fail
	spread := uint64(p.Jitter) * 60
	return time.Duration(h.Sum64()%spread) * time.Second //nolint:gosec // less than a day in seconds
}

// afterQuietHours moves a time in the quiet hours to their end, spread again so that not all
// retries of the night run at once.
func (p Policy) afterQuietHours(at time.Time, loc *time.Location, charge billing.ChargeID) time.Time {
	from, until, ok := quietHours(p.QuietHours)
	if !ok {
		return at
	}
	local := at.In(loc)
	now := calendar.LocalTime{Hour: local.Hour(), Minute: local.Minute()}
	date := calendar.DateOf(at, loc)
	switch {
	case !quiet(now, from, until):
		return at
	case before(until, from) && !before(now, from): // the evening part of quiet hours that pass midnight
		date = date.AddDays(1)
	}
	return date.At(until, loc).Add(p.jitter(charge, 0))
}

// Suited returns the first time at or after at outside the quiet hours, with the charge's jitter.
func (p Policy) Suited(charge billing.ChargeID, at time.Time, loc *time.Location) time.Time {
	return p.afterQuietHours(at.Add(p.jitter(charge, 0)), loc, charge)
}

// quiet reports whether a time of day lies within a span, which may pass midnight.
func quiet(t, from, until calendar.LocalTime) bool {
	if before(from, until) {
		return !before(t, from) && before(t, until)
	}
	return !before(t, from) || before(t, until)
}

func before(a, b calendar.LocalTime) bool {
	return a.Hour < b.Hour || a.Hour == b.Hour && a.Minute < b.Minute
}

// quietHours reads 21:00-07:00.
func quietHours(text string) (from, until calendar.LocalTime, ok bool) {
	a, b, found := strings.Cut(text, "-")
	if !found {
		return from, until, false
	}
	from, errFrom := calendar.ParseLocalTime(strings.TrimSpace(a))
	until, errUntil := calendar.ParseLocalTime(strings.TrimSpace(b))
	return from, until, errFrom == nil && errUntil == nil && from != until
}
