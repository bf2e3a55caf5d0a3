package schedule_test

import (
	"archive/zip"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"tranche/internal/calendar"
	"tranche/internal/schedule"
	"tranche/internal/timezone"
)

var morning = calendar.LocalTime{Hour: 9}

func date(t require.TestingT, s string) calendar.Date {
	d, err := calendar.ParseDate(s)
	require.NoError(t, err)
	return d
}

// allZones are the time zones in Go's embedded data, which every binary has.
var allZones = sync.OnceValues(func() ([]string, error) {
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return nil, err
	}
	archive, err := zip.OpenReader(filepath.Join(strings.TrimSpace(string(root)), "lib", "time", "zoneinfo.zip"))
	if err != nil {
		return nil, err
	}
	var names []string
	for _, f := range archive.File {
		if !strings.HasSuffix(f.Name, "/") {
			names = append(names, f.Name)
		}
	}
	return names, archive.Close()
})

// slowly is an independent implementation of Date.At: it looks at the wall clock at every minute
// around the day.
func slowly(d calendar.Date, at calendar.LocalTime, loc *time.Location) time.Time {
	wanted := time.Date(d.Year, d.Month, d.Day, at.Hour, at.Minute, 0, 0, time.UTC)
	var after time.Time
	for u := wanted.Add(-26 * time.Hour); u.Before(wanted.Add(26 * time.Hour)); u = u.Add(time.Minute) {
		l := u.In(loc)
		wall := time.Date(l.Year(), l.Month(), l.Day(), l.Hour(), l.Minute(), 0, 0, time.UTC)
		if wall.Equal(wanted) {
			return u
		}
		if after.IsZero() && wall.After(wanted) {
			after = u
		}
	}
	return after
}

// TestDatesAtInEveryZone checks mostly days when clocks change.
func TestDatesAtInEveryZone(t *testing.T) {
	t.Parallel()
	names, err := allZones()
	require.NoError(t, err)
	require.Greater(t, len(names), 400)
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.SampledFrom(names).Draw(t, "zone")
		loc, err := time.LoadLocation(name)
		require.NoError(t, err)
		day := time.Date(2005, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, rapid.IntRange(0, 35*365).Draw(t, "day"))
		if _, end := day.In(loc).ZoneBounds(); !end.IsZero() && rapid.IntRange(0, 3).Draw(t, "near a change") > 0 {
			day = end.AddDate(0, 0, rapid.IntRange(-1, 1).Draw(t, "days from it"))
		}
		d := calendar.DateOf(day, loc)
		at := calendar.LocalTime{Hour: rapid.IntRange(0, 23).Draw(t, "hour"), Minute: rapid.IntRange(0, 59).Draw(t, "minute")}
		require.Equal(t, slowly(d, at, loc).Format(time.RFC3339), d.At(at, loc).Format(time.RFC3339), "%s %s in %s", d, at, name)
	})
}

// TestHardDates checks schedules across clock changes and short months, calculated by hand.
func TestHardDates(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		why, zone, anchor, at, every string
		want                         []string // UTC
	}{
		{"the 31st, monthly, in an ordinary year", "UTC", "2026-01-31", "09:00", "1 month",
			[]string{"2026-02-28T09:00", "2026-03-31T09:00", "2026-04-30T09:00", "2026-05-31T09:00"}},
		{"the 30th of January, into a leap year", "UTC", "2028-01-30", "09:00", "1 month",
			[]string{"2028-02-29T09:00", "2028-03-30T09:00", "2028-04-30T09:00"}},
		{"29 February, yearly: back on the 29th in the next leap year", "UTC", "2028-02-29", "09:00", "1 year",
			[]string{"2029-02-28T09:00", "2030-02-28T09:00", "2031-02-28T09:00", "2032-02-29T09:00"}},
		{"29 February, every four years, over 2100, which is no leap year", "UTC", "2092-02-29", "09:00", "4 years",
			[]string{"2096-02-29T09:00", "2100-02-28T09:00", "2104-02-29T09:00"}},
		{"the 31st, every three months", "UTC", "2026-08-31", "09:00", "3 months",
			[]string{"2026-11-30T09:00", "2027-02-28T09:00", "2027-05-31T09:00"}},
		{"nine in London, winter into summer", "Europe/London", "2026-02-28", "09:00", "1 month", []string{"2026-03-28T09:00", "2026-04-28T08:00"}},
		{"daily at an hour that is skipped in London", "Europe/London", "2026-03-27", "01:30", "1 day",
			[]string{"2026-03-28T01:30", "2026-03-29T01:00", "2026-03-30T00:30"}},
		{"daily at an hour that comes twice in London", "Europe/London", "2026-10-23", "01:30", "1 day",
			[]string{"2026-10-24T00:30", "2026-10-25T00:30", "2026-10-26T01:30"}},
		{"daily at an hour that is skipped in New York", "America/New_York", "2026-03-06", "02:30", "1 day",
			[]string{"2026-03-07T07:30", "2026-03-08T07:00", "2026-03-09T06:30"}},
		{"half an hour is skipped on Lord Howe", "Australia/Lord_Howe", "2026-10-02", "02:15", "1 day",
			[]string{"2026-10-02T15:45", "2026-10-03T15:30", "2026-10-04T15:15"}},
		{"half an hour comes twice on Lord Howe", "Australia/Lord_Howe", "2026-04-03", "01:45", "1 day",
			[]string{"2026-04-03T14:45", "2026-04-04T14:45", "2026-04-05T15:15"}},
		{"Samoa left out 30 December 2011: a weekly charge of that day comes at the first instant after it", "Pacific/Apia", "2011-12-23", "09:00", "1 week",
			[]string{"2011-12-30T10:00", "2012-01-05T19:00"}},
		{"daily over that day: each date has an instant, the two of them hours apart", "Pacific/Apia", "2011-12-28", "09:00", "1 day",
			[]string{"2011-12-29T19:00", "2011-12-30T10:00", "2011-12-30T19:00"}},
		{"midnight was skipped in Sao Paulo", "America/Sao_Paulo", "2018-10-04", "00:00", "1 month", []string{"2018-11-04T03:00", "2018-12-04T02:00"}},
		{"midnight is skipped in Cairo", "Africa/Cairo", "2026-04-17", "00:00", "1 week", []string{"2026-04-23T22:00", "2026-04-30T21:00"}},
		{"Morocco goes back for Ramadan", "Africa/Casablanca", "2026-01-15", "09:00", "1 month", []string{"2026-02-15T09:00", "2026-03-15T09:00", "2026-04-15T08:00"}},
		{"three quarters of an hour, in Kathmandu", "Asia/Kathmandu", "2026-01-31", "09:00", "1 month", []string{"2026-02-28T03:15", "2026-03-31T03:15"}},
		{"the first place in the world to have a day", "Pacific/Kiritimati", "2026-12-31", "09:00", "1 day", []string{"2026-12-31T19:00", "2027-01-01T19:00"}},
		{"the last place", "Pacific/Pago_Pago", "2026-12-31", "23:59", "1 day", []string{"2027-01-02T10:59", "2027-01-03T10:59"}},
	} {
		every, err := calendar.ParseInterval(tc.every)
		require.NoError(t, err)
		at, err := calendar.ParseLocalTime(tc.at)
		require.NoError(t, err)
		r := schedule.Recurrence{Every: every, Anchor: date(t, tc.anchor), At: at, Next: 1, Amount: 100}
		var got []string
		for _, c := range r.Upcoming(len(tc.want), timezone.OrUTC(tc.zone), calendar.Holidays{}) {
			got = append(got, c.DueAt.Format("2006-01-02T15:04"))
		}
		require.Equal(t, tc.want, got, tc.why)
	}
}

func TestBusinessDays(t *testing.T) {
	t.Parallel()
	xmas := calendar.Holidays{Dates: map[calendar.Date]bool{date(t, "2026-12-25"): true, date(t, "2026-12-28"): true, date(t, "2027-01-01"): true}}
	gulf := calendar.Holidays{Weekend: []time.Weekday{time.Friday, time.Saturday}}
	closed := calendar.Holidays{Weekend: []time.Weekday{0, 1, 2, 3, 4, 5, 6}}
	for _, tc := range []struct {
		why                            string
		holidays                       calendar.Holidays
		date                           string
		following, preceding, modified string
	}{
		{"a Thursday", xmas, "2026-12-24", "2026-12-24", "2026-12-24", "2026-12-24"},
		{"Christmas, the weekend and a day in lieu", xmas, "2026-12-25", "2026-12-29", "2026-12-24", "2026-12-29"},
		{"New Year's Day", xmas, "2027-01-01", "2027-01-04", "2026-12-31", "2027-01-04"},
		{"a Sunday that ends a month", xmas, "2026-05-31", "2026-06-01", "2026-05-29", "2026-05-29"},
		{"a Saturday that ends a year", xmas, "2022-12-31", "2023-01-02", "2022-12-30", "2022-12-30"},
		{"a Friday in the Gulf", gulf, "2026-12-25", "2026-12-27", "2026-12-24", "2026-12-27"},
		{"never open", closed, "2026-12-25", "2026-12-25", "2026-12-25", "2026-12-25"},
	} {
		d := date(t, tc.date)
		require.Equal(t, tc.following, calendar.BusinessDayFollowing.Shift(d, tc.holidays).String(), tc.why)
		require.Equal(t, tc.preceding, calendar.BusinessDayPreceding.Shift(d, tc.holidays).String(), tc.why)
		require.Equal(t, tc.modified, calendar.BusinessDayModifiedFollowing.Shift(d, tc.holidays).String(), tc.why)
		require.Equal(t, d, calendar.BusinessDay("").Shift(d, tc.holidays), tc.why)
	}
}

// TestRecurrencesKeepTheirDates: in every zone, each charge is made once, on its date counted from
// the anchor, over any number of charges, and a count or a last date is kept exactly.
func TestRecurrencesKeepTheirDates(t *testing.T) {
	t.Parallel()
	names, err := allZones()
	require.NoError(t, err)
	rapid.Check(t, func(t *rapid.T) {
		loc := timezone.OrUTC(rapid.SampledFrom(names).Draw(t, "zone"))
		unit := rapid.SampledFrom([]string{"day", "week", "month", "year"}).Draw(t, "unit")
		r := schedule.Recurrence{
			Every:  calendar.Interval{Count: rapid.IntRange(1, 7).Draw(t, "count"), Unit: unit},
			Anchor: calendar.Date{Year: 2026, Month: 1, Day: 1}.AddDays(rapid.IntRange(0, 1500).Draw(t, "anchor")),
			At:     calendar.LocalTime{Hour: rapid.IntRange(0, 23).Draw(t, "hour"), Minute: rapid.IntRange(0, 59).Draw(t, "minute")},
			Next:   1, Amount: 100,
		}
		n := rapid.IntRange(1, 40).Draw(t, "charges")
		ended := r
		if rapid.Bool().Draw(t, "by count") {
			ended.Left = n
		} else {
			ended.Until = r.Every.Date(r.Anchor, n)
		}
		list := ended.Upcoming(n+5, loc, calendar.Holidays{})
		require.Len(t, list, n)
		for i, c := range list {
			require.Equal(t, r.Every.Date(r.Anchor, i+1), calendar.DateOf(c.DueAt, loc), "a charge falls on its own date")
			require.Equal(t, int64(100), c.Amount)
		}
		require.Equal(t, list, r.Upcoming(n, loc, calendar.Holidays{}), "the same dates as without a limit")
		require.True(t, slices.IsSortedFunc(list, func(a, b schedule.Occurrence) int { return a.DueAt.Compare(b.DueAt) }))
	})
}

// FuzzParseDue: every accepted text has one instant, or is due on request; nothing panics.
func FuzzParseDue(f *testing.F) {
	for _, s := range []string{"2026-12-20", "2026-12-20T09:00:00Z", "30 days before 2026-12-20", "1 month after 2026-01-31", "on request", "0001-01-01", "9999-12-31", "10 years after 9999-12-31", " before "} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		due, err := schedule.ParseDue(s)
		if err != nil {
			require.NotEmpty(t, err.Error())
			return
		}
		at := due.At(morning, time.UTC, calendar.BusinessDayFollowing, calendar.Holidays{})
		require.Equal(t, due.OnRequest, at.IsZero())
		require.Equal(t, s == "on request", due.OnRequest)
	})
}

// FuzzDateAt: in every zone, a time of day has one instant on each day. It lies on that day, or
// right after a gap in that day, and the next day's is later.
func FuzzDateAt(f *testing.F) {
	f.Add(2026, 3, 29, 1, 30, "Europe/London")
	f.Add(2026, 10, 25, 1, 30, "Europe/London")
	f.Add(2011, 12, 30, 9, 0, "Pacific/Apia") // a day that was left out
	f.Add(2026, 4, 5, 1, 45, "Australia/Lord_Howe")
	f.Add(2024, 2, 29, 0, 0, "Africa/Cairo")
	f.Add(1970, 1, 1, 23, 59, "Asia/Kathmandu")
	f.Fuzz(func(t *testing.T, year, month, day, hour, minute int, zone string) {
		if year < 1971 || year > 2200 || month < 1 || month > 12 || day < 1 || day > 28 || hour < 0 || hour > 23 || minute < 0 || minute > 59 {
			return // no plan is created from these
		}
		loc := timezone.OrUTC(zone)
		date, at := calendar.Date{Year: year, Month: time.Month(month), Day: day}, calendar.LocalTime{Hour: hour, Minute: minute}
		instant := date.At(at, loc)
		require.False(t, date.AddDays(1).At(at, loc).Before(instant))
		wall := instant.In(loc)
		if wall.Hour() == hour && wall.Minute() == minute && calendar.DateOf(instant, loc) == date {
			return
		}
		_, before := instant.Add(-time.Nanosecond).In(loc).Zone()
		_, after := wall.Zone()
		require.Greater(t, after, before, "another time only right after clocks went forward")
	})
}
