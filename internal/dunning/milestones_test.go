package dunning_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/calendar"
	"tranche/internal/dunning"
)

func TestGivesUpAt_OutsideQuietHours(t *testing.T) {
	t.Parallel()
	deadline := calendar.Date{Year: 2026, Month: time.January, Day: 31}.End(london)
	for quiet, want := range map[string]string{"21:00-07:00": "2026-02-01 07:00", "": "2026-02-01 00:00", "22:00-23:00": "2026-02-01 00:00"} {
		p := plain()
		p.QuietHours = quiet
		require.Equal(t, want, p.GivesUpAt("chg_1", deadline, london).In(london).Format("2006-01-02 15:04"), quiet)
	}
}

func TestPostponed_OverTheChangeOfTheClocks(t *testing.T) {
	t.Parallel()
	d := billing.Dunning{FinalAt: now, DeadlineAt: calendar.DateOf(now, london).AddDays(1).End(london)}
	moved := dunning.Postponed(d, 3, london)
	require.True(t, moved.RemindAt.IsZero())
	require.Equal(t, "2026-03-30 23:30 BST", moved.FinalAt.In(london).Format("2006-01-02 15:04 MST"))
	require.Equal(t, calendar.Date{Year: 2026, Month: time.March, Day: 31}.End(london), moved.DeadlineAt)
}

func TestLateFinal_LeavesThePolicysDays(t *testing.T) {
	t.Parallel()
	_, final, deadline := policy.Milestones("chg_1", now, london)
	d := billing.Dunning{FinalAt: final, DeadlineAt: deadline}
	require.Equal(t, d, policy.LateFinal(d, final.Add(time.Hour), london), "on its day")
	late := policy.LateFinal(d, final.AddDate(0, 0, 2), london)
	require.Equal(t, dunning.EndOfDay(deadline.AddDate(0, 0, 2), london), late.DeadlineAt)
}

func TestEndOfDay_OfAnEarlierRelease(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 31, 9, 38, 0, 0, london)
	require.Equal(t, "2026-01-31 23:59:59.999", dunning.EndOfDay(at, london).In(london).Format("2006-01-02 15:04:05.000"))
}
