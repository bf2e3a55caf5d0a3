package calendar_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"tranche/internal/billing"
	"tranche/internal/calendar"
)

var zones = []string{
	"UTC", "Europe/London", "America/New_York", "America/Sao_Paulo", "Asia/Tokyo", "Asia/Kolkata", "Asia/Kathmandu",
	"Australia/Lord_Howe", "Pacific/Apia", "Pacific/Kiritimati", "America/St_Johns", "Africa/Casablanca", "Asia/Tehran",
}

func date(t require.TestingT, s string) calendar.Date {
	d, err := calendar.ParseDate(s)
	require.NoError(t, err)
	return d
}

func TestMonthsClampToTheLastDayAndComeBack(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		anchor string
		months int
		want   string
	}{
		{"2026-01-31", 1, "2026-02-28"},
		{"2026-01-31", 2, "2026-03-31"},
		{"2026-01-31", 3, "2026-04-30"},
		{"2027-12-31", 2, "2028-02-29"},
		{"2028-02-29", 12, "2029-02-28"},
		{"2028-02-29", 48, "2032-02-29"},
		{"2026-11-30", 3, "2027-02-28"},
		{"2026-12-15", 1, "2027-01-15"},
	} {
		require.Equal(t, tc.want, date(t, tc.anchor).AddMonths(tc.months).String(), "%s + %d months", tc.anchor, tc.months)
	}
}

func TestLocalTimeInGapsAndOverlaps(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ why, zone, date, at, want string }{
		{"an ordinary winter day", "Europe/London", "2026-01-15", "09:00", "2026-01-15T09:00:00Z"},
		{"an ordinary summer day", "Europe/London", "2026-07-15", "09:00", "2026-07-15T08:00:00Z"},
		{"01:30 is skipped: the first instant after the gap", "Europe/London", "2026-03-29", "01:30", "2026-03-29T01:00:00Z"},
		{"01:30 comes twice: the first", "Europe/London", "2026-10-25", "01:30", "2026-10-25T00:30:00Z"},
		{"02:30 is skipped in New York", "America/New_York", "2026-03-08", "02:30", "2026-03-08T07:00:00Z"},
		{"01:30 comes twice in New York", "America/New_York", "2026-11-01", "01:30", "2026-11-01T05:30:00Z"},
		{"midnight was skipped in Sao Paulo", "America/Sao_Paulo", "2018-11-04", "00:00", "2018-11-04T03:00:00Z"},
		{"Samoa skipped 30 December 2011 whole", "Pacific/Apia", "2011-12-30", "09:00", "2011-12-30T10:00:00Z"},
		{"half an hour of summer time on Lord Howe", "Australia/Lord_Howe", "2026-10-04", "02:15", "2026-10-03T15:30:00Z"},
	} {
		at, err := calendar.ParseLocalTime(tc.at)
		require.NoError(t, err)
		got := date(t, tc.date).At(at, billing.LoadLocation(tc.zone))
		require.Equal(t, tc.want, got.Format(time.RFC3339), tc.why)
	}
}

func TestEveryDateHasOneInstantAndTheyComeInOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		loc := billing.LoadLocation(rapid.SampledFrom(zones).Draw(t, "zone"))
		at := calendar.LocalTime{Hour: rapid.IntRange(0, 23).Draw(t, "hour"), Minute: rapid.IntRange(0, 59).Draw(t, "minute")}
		day := calendar.Date{Year: rapid.IntRange(2012, 2040).Draw(t, "year"), Month: time.Month(rapid.IntRange(1, 12).Draw(t, "month")), Day: 1}.
			AddDays(rapid.IntRange(0, 30).Draw(t, "day"))
		instant := day.At(at, loc)
		wall := instant.In(loc)
		require.Equal(t, day, calendar.DateOf(instant, loc), "a charge falls on its own date")
		if wall.Hour() != at.Hour || wall.Minute() != at.Minute {
			before := instant.Add(-time.Nanosecond).In(loc)
			_, off1 := before.Zone()
			_, off2 := wall.Zone()
			require.NotEqual(t, off1, off2, "another time of day only right after clocks went forward")
		}
		require.True(t, day.AddDays(1).At(at, loc).After(instant), "the next day's charge is later")
	})
}

func TestIntervalDatesKeepTheirAnchorAndAscend(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		iv := calendar.Interval{Count: rapid.IntRange(1, 13).Draw(t, "count"), Unit: rapid.SampledFrom([]string{"day", "week", "month", "year"}).Draw(t, "unit")}
		anchor := calendar.Date{Year: 2026, Month: 1, Day: 1}.AddDays(rapid.IntRange(0, 1500).Draw(t, "anchor"))
		n := rapid.IntRange(0, 200).Draw(t, "n")
		a, b := iv.Date(anchor, n), iv.Date(anchor, n+1)
		utc := calendar.LocalTime{Hour: 12}
		require.True(t, b.At(utc, time.UTC).After(a.At(utc, time.UTC)))
		require.Equal(t, anchor, iv.Date(anchor, 0))
		if iv.Unit == "month" || iv.Unit == "year" {
			require.LessOrEqual(t, a.Day, anchor.Day)
			if a.Day < anchor.Day {
				require.Equal(t, 1, a.AddDays(1).Day, "an earlier day only where the month is shorter")
			}
		}
	})
}

func TestParseInterval(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]calendar.Interval{
		"1 month": {Count: 1, Unit: "month"}, "month": {Count: 1, Unit: "month"}, "2 weeks": {Count: 2, Unit: "week"},
		"10 days": {Count: 10, Unit: "day"}, "1 year": {Count: 1, Unit: "year"},
	} {
		got, err := calendar.ParseInterval(in)
		require.NoError(t, err, in)
		require.Equal(t, want, got)
	}
	for _, in := range []string{"", "monthly", "0 months", "-1 month", "1.5 months", "1 month ago", "9999 years", "1 fortnight"} {
		_, err := calendar.ParseInterval(in)
		require.Error(t, err, in)
	}
}

func FuzzParseInterval(f *testing.F) {
	for _, s := range []string{"1 month", "2 weeks", "", "99999999999999999999 days", "s"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		iv, err := calendar.ParseInterval(s)
		if err == nil {
			require.Positive(t, iv.Count)
			require.Contains(t, []string{"day", "week", "month", "year"}, iv.Unit)
		}
	})
}
