package calendar

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Date is a calendar day without a time zone.
type Date struct {
	Year  int
	Month time.Month
	Day   int
}

// DateOf returns the calendar day at t in loc.
func DateOf(t time.Time, loc *time.Location) Date {
	y, m, d := t.In(loc).Date()
	return Date{y, m, d}
}

// ParseDate reads 2026-12-20.
func ParseDate(s string) (Date, error) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return Date{}, fmt.Errorf("%q is not a date like 2026-12-20", s)
	}
	return DateOf(t, time.UTC), nil
}

// IsZero reports whether the date is unset.
func (d Date) IsZero() bool { return d == Date{} }

// After reports whether d is later than other.
func (d Date) After(other Date) bool {
	return cmp.Or(cmp.Compare(d.Year, other.Year), cmp.Compare(d.Month, other.Month), cmp.Compare(d.Day, other.Day)) > 0
}

// Weekday returns the day of the week.
func (d Date) Weekday() time.Weekday {
	return time.Date(d.Year, d.Month, d.Day, 12, 0, 0, 0, time.UTC).Weekday()
}

// AddDays returns the day n days later.
func (d Date) AddDays(n int) Date {
	return DateOf(time.Date(d.Year, d.Month, d.Day+n, 12, 0, 0, 0, time.UTC), time.UTC)
}

// DaysBetween returns the number of days from one date to another.
func DaysBetween(from, to Date) int {
	noon := LocalTime{Hour: 12}
	return int(to.At(noon, time.UTC).Sub(from.At(noon, time.UTC)) / (24 * time.Hour))
}

// AddMonths returns the same day n months later, or the last day of that month when it is shorter.
// Counted from the same anchor each time, a plan of the 31st falls on 28 Feb and again on 31 Mar.
func (d Date) AddMonths(n int) Date {
	first := time.Date(d.Year, d.Month+time.Month(n), 1, 12, 0, 0, 0, time.UTC)
	last := first.AddDate(0, 1, -1).Day()
	return Date{first.Year(), first.Month(), min(d.Day, last)}
}

// String formats the date as 2026-12-20.
func (d Date) String() string { return fmt.Sprintf("%04d-%02d-%02d", d.Year, int(d.Month), d.Day) }

// LocalTime is a time of day, without a time zone.
type LocalTime struct{ Hour, Minute int }

// ParseLocalTime reads 09:00.
func ParseLocalTime(s string) (LocalTime, error) {
	t, err := time.Parse("15:04", s)
	if err != nil {
		return LocalTime{}, fmt.Errorf("%q is not a time of day like 09:00", s)
	}
	return LocalTime{t.Hour(), t.Minute()}, nil
}

// String formats the time as 09:00.
func (t LocalTime) String() string { return fmt.Sprintf("%02d:%02d", t.Hour, t.Minute) }

// At returns the instant when clocks in loc show the given date and time of day. If clocks go
// forward and skip that time, At returns the first instant after the gap; if they go back and show
// it twice, At returns the first of the two. So every date has exactly one instant.
func (d Date) At(t LocalTime, loc *time.Location) time.Time {
	naive := time.Date(d.Year, d.Month, d.Day, t.Hour, t.Minute, 0, 0, time.UTC)
	before, after := offsetAt(naive.Add(-24*time.Hour), loc), offsetAt(naive.Add(24*time.Hour), loc)
	// The larger offset gives the earlier instant, so the first of two instants is found.
	for _, offset := range []time.Duration{max(before, after), min(before, after)} {
		if u := naive.Add(-offset); offsetAt(u, loc) == offset {
			return u
		}
	}
	gapEnd, _ := naive.Add(-before).In(loc).ZoneBounds()
	return gapEnd.UTC()
}

func offsetAt(t time.Time, loc *time.Location) time.Duration {
	_, seconds := t.In(loc).Zone()
	return time.Duration(seconds) * time.Second
}

// Interval is the time between two charges, such as 1 month.
type Interval struct {
	Count int    // 1 or more
	Unit  string // day, week, month or year
}

// maxIntervalYears bounds an interval: a longer one is a typing error.
const maxIntervalYears = 10

// ParseInterval reads "1 month", "2 weeks", "10 days" or "year".
func ParseInterval(s string) (Interval, error) {
	fields := strings.Fields(s)
	if len(fields) == 1 {
		fields = []string{"1", fields[0]}
	}
	bad := fmt.Errorf("%q is not an interval like \"1 month\" or \"2 weeks\"", s)
	if len(fields) != 2 {
		return Interval{}, bad
	}
	n, err := strconv.Atoi(fields[0])
	unit := strings.TrimSuffix(fields[1], "s")
	perYear := map[string]int{"day": 366, "week": 53, "month": 12, "year": 1}[unit]
	if err != nil || n < 1 || perYear == 0 {
		return Interval{}, bad
	}
	if n > maxIntervalYears*perYear {
		return Interval{}, fmt.Errorf("%q is more than %d years", s, maxIntervalYears)
	}
	return Interval{Count: n, Unit: unit}, nil
}

// String formats the interval so that ParseInterval can read it.
func (i Interval) String() string {
	if i.Count == 1 {
		return "1 " + i.Unit
	}
	return fmt.Sprintf("%d %ss", i.Count, i.Unit)
}

// Date returns the n-th date after the anchor. n = 0 is the anchor itself, and a negative n counts
// back.
func (i Interval) Date(anchor Date, n int) Date {
	switch i.Unit {
	case "day":
		return anchor.AddDays(n * i.Count)
	case "week":
		return anchor.AddDays(7 * n * i.Count)
	case "year":
		return anchor.AddMonths(12 * n * i.Count)
	default:
		return anchor.AddMonths(n * i.Count)
	}
}
