package dunning_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"tranche/internal/billing"
	"tranche/internal/calendar"
	"tranche/internal/dunning"
)

// retry is when a charge that fails for the first time is tried again with a ladder.
func retry(p dunning.Policy, l dunning.Ladder, charge billing.ChargeID, failed time.Time, loc *time.Location) time.Time {
	p.Declined = l
	h := happened(declined("do_not_honor"), failed)
	h.Charge, h.Location = charge, loc
	return decide(p, h).NextAttemptAt
}

func plain() dunning.Policy {
	p := policy
	p.Jitter, p.QuietHours = 0, ""
	return p
}

func TestARetryGoesToAPaydayWithinItsWindow(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		why, failed string
		days        int
		window      int
		paydays     []dunning.Payday
		weekends    bool
		want        string
	}{
		{"the 1st", "2026-03-25", 2, 7, []dunning.Payday{"1"}, false, "2026-04-01"},
		{"the 15th", "2026-03-10", 2, 7, []dunning.Payday{"15"}, false, "2026-03-15"},
		{"a Sunday that is avoided", "2026-03-10", 2, 7, []dunning.Payday{"15"}, true, "2026-03-16"},
		{"the last weekday of May is a Friday", "2026-05-25", 1, 7, []dunning.Payday{"last_weekday"}, false, "2026-05-29"},
		{"the last weekday of March", "2026-03-25", 1, 7, []dunning.Payday{"last_weekday"}, false, "2026-03-31"},
		{"a Friday", "2026-03-23", 1, 7, []dunning.Payday{"friday"}, false, "2026-03-27"},
		{"the first of several", "2026-03-26", 1, 7, dunning.Paydays(), false, "2026-03-27"},
		{"the day itself", "2026-03-24", 3, 0, []dunning.Payday{"friday"}, false, "2026-03-27"},
		{"none within the window", "2026-03-16", 2, 5, []dunning.Payday{"1"}, false, "2026-03-18"},
		{"no paydays", "2026-03-16", 2, 5, nil, false, "2026-03-18"},
		{"Saturday", "2026-03-19", 2, 0, nil, true, "2026-03-23"},
	} {
		failed, err := calendar.ParseDate(tc.failed)
		require.NoError(t, err)
		l := dunning.Ladder{Days: []int{tc.days}, Paydays: tc.paydays, PaydayWindow: tc.window, AvoidWeekends: tc.weekends}
		at := retry(plain(), l, "chg_1", failed.At(calendar.LocalTime{Hour: 9}, london), london)
		require.Equal(t, tc.want, calendar.DateOf(at, london).String(), tc.why)
		require.Equal(t, "09:00", at.In(london).Format("15:04"), tc.why)
	}
}

func TestQuietHoursAreKept(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ quiet, time, want string }{
		{"21:00-07:00", "22:30", "Mon 30 07:00"},
		{"21:00-07:00", "03:00", "Sun 29 07:00"},
		{"21:00-07:00", "07:00", "Sun 29 07:00"},
		{"21:00-07:00", "20:59", "Sun 29 20:59"},
		{"12:00-14:00", "13:00", "Sun 29 14:00"},
		{"", "03:00", "Sun 29 03:00"},
	} {
		p := plain()
		p.QuietHours = tc.quiet
		at := retry(p, dunning.Ladder{Days: []int{2}, Times: []string{tc.time}}, "chg_1", now.Add(-time.Hour), london)
		require.Equal(t, tc.want, at.In(london).Format("Mon 02 15:04"), "%s at %s", tc.quiet, tc.time)
	}
}

func TestAThousandRetriesDoNotFireAtOnceAndNeverMove(t *testing.T) {
	t.Parallel()
	p := policy
	p.Jitter = 60
	seen := map[time.Time]int{}
	for i := range 1000 {
		charge := billing.ChargeID(fmt.Sprintf("chg_%d", i))
		at := retry(p, dunning.Ladder{Days: []int{2}}, charge, now, london)
		require.Equal(t, at, retry(p, dunning.Ladder{Days: []int{2}}, charge, now, london), "a restart changes nothing")
		require.Equal(t, 9, at.In(london).Hour())
		seen[at.Truncate(time.Minute)]++
	}
	require.Len(t, seen, 60, "every minute of the hour")
	for minute, n := range seen {
		require.Less(t, n, 50, minute.String())
	}
}

func TestARetryIsLaterOutsideTheQuietHoursAndOnTheRightDay(t *testing.T) {
	t.Parallel()
	zones := []string{"UTC", "America/New_York", "Pacific/Apia", "Asia/Kathmandu", "Australia/Lord_Howe", "Africa/Cairo"}
	rapid.Check(t, func(rt *rapid.T) {
		loc := billing.LoadLocation(rapid.SampledFrom(zones).Draw(rt, "zone"))
		failed := time.UnixMilli(rapid.Int64Range(1.7e12, 2.1e12).Draw(rt, "failed")).UTC()
		p := policy
		p.Jitter = rapid.IntRange(0, 120).Draw(rt, "jitter")
		l := dunning.Ladder{
			Days: []int{rapid.IntRange(1, 10).Draw(rt, "days")}, AvoidWeekends: rapid.Bool().Draw(rt, "weekends"),
			Paydays: dunning.Paydays(), PaydayWindow: rapid.IntRange(0, 10).Draw(rt, "window"),
			Times: []string{fmt.Sprintf("%02d:%02d", rapid.IntRange(0, 23).Draw(rt, "hour"), rapid.IntRange(0, 59).Draw(rt, "minute"))},
		}
		charge := billing.ChargeID(rapid.String().Draw(rt, "charge"))
		at := retry(p, l, charge, failed, loc)
		require.True(rt, at.After(failed))
		local := at.In(loc)
		require.GreaterOrEqual(rt, local.Hour(), 7)
		require.Less(rt, local.Hour(), 21)
		days := calendar.DaysBetween(calendar.DateOf(failed, loc), calendar.DateOf(at, loc))
		require.GreaterOrEqual(rt, days, l.Days[0])
		require.LessOrEqual(rt, days, l.Days[0]+l.PaydayWindow+3)
	})
}

func TestMilestonesLieInOrderAtTheCustomersTime(t *testing.T) {
	t.Parallel()
	remind, final, deadline := policy.Milestones("chg_1", now, london)
	require.Equal(t, "2026-04-19", calendar.DateOf(remind, london).String())
	require.Equal(t, "2026-04-23", calendar.DateOf(final, london).String())
	require.Equal(t, "2026-04-26", calendar.DateOf(deadline, london).String())
	require.Equal(t, 9, final.In(london).Hour())
	require.Equal(t, "2026-04-26 23:59:59.999 BST", deadline.In(london).Format("2006-01-02 15:04:05.000 MST"))
	p := policy
	p.RemindDays = 0
	remind, _, _ = p.Milestones("chg_1", now, london)
	require.True(t, remind.IsZero())
}
