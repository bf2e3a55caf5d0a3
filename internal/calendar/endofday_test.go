package calendar_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"tranche/internal/billing"
	"tranche/internal/calendar"
)

func TestDateEnd(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ why, date, zone, want string }{
		{"an ordinary day", "2026-01-31", "Europe/London", "2026-01-31T23:59:59.999Z"},
		{"east of Greenwich", "2026-01-31", "Pacific/Kiritimati", "2026-01-31T09:59:59.999Z"},
		{"west of Greenwich", "2026-01-31", "Pacific/Honolulu", "2026-02-01T09:59:59.999Z"},
		{"clocks go forward on the day", "2026-03-29", "Europe/Berlin", "2026-03-29T21:59:59.999Z"},
		{"clocks go back on the day", "2026-10-25", "Europe/Berlin", "2026-10-25T22:59:59.999Z"},
		{"the next midnight is skipped", "2026-04-23", "Africa/Cairo", "2026-04-23T21:59:59.999Z"},
		{"clocks go back at midnight", "2026-04-04", "America/Santiago", "2026-04-05T03:59:59.999Z"},
		{"clocks go back half an hour", "2026-04-05", "Australia/Lord_Howe", "2026-04-05T13:29:59.999Z"},
	} {
		date, err := calendar.ParseDate(tc.date)
		require.NoError(t, err)
		end := date.End(billing.LoadLocation(tc.zone))
		require.Equal(t, tc.want, end.UTC().Format("2006-01-02T15:04:05.999Z07:00"), tc.why)
	}
}

func TestDateEnd_IsTheLastOfItsDay(t *testing.T) {
	t.Parallel()
	zones := []string{"UTC", "America/New_York", "America/Santiago", "Africa/Cairo", "Asia/Beirut", "Pacific/Apia", "Antarctica/Troll", "Asia/Kathmandu"}
	rapid.Check(t, func(rt *rapid.T) {
		loc := billing.LoadLocation(rapid.SampledFrom(zones).Draw(rt, "zone"))
		at := time.UnixMilli(rapid.Int64Range(1.7e12, 2.1e12).Draw(rt, "at"))
		date := calendar.DateOf(at, loc)
		end := date.End(loc)
		require.False(rt, end.Before(at.Truncate(time.Millisecond)))
		require.Equal(rt, date, calendar.DateOf(end, loc))
		require.True(rt, calendar.DateOf(end.Add(time.Millisecond), loc).After(date))
		require.Equal(rt, end, calendar.DateOf(end, loc).End(loc), "it is its own end")
	})
}
