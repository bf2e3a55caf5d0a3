package billing_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/calendar"
	"tranche/internal/schedule"
)

// TestOneChargeIsAlwaysToCome: the next charge is created when collecting the previous one starts,
// and not earlier.
func TestOneChargeIsAlwaysToCome(t *testing.T) {
	t.Parallel()
	every, err := calendar.ParseInterval("1 month")
	require.NoError(t, err)
	plan := billing.Plan{ID: "plan_1", Status: billing.PlanActive, Currency: "usd", Total: 1900, Recurrence: schedule.Recurrence{
		Every: every, Anchor: calendar.Date{Year: 2026, Month: 1, Day: 31}, At: morning, Next: 1, Amount: 1900, Left: 2,
	}}
	charges := []billing.Charge{{ID: "chg_1", Sequence: 1, Amount: 1900, DueAt: now, Status: billing.ChargeScheduled}}
	on := func(at time.Time) (billing.Charge, bool) {
		return plan.NextCharge(charges, time.UTC, calendar.Holidays{}, at)
	}

	_, ok := on(now)
	require.False(t, ok, "one is to come")
	charges[0].Status = billing.ChargeCollecting
	next, ok := on(now)
	require.True(t, ok)
	require.Equal(t, "2026-02-28T09:00:00Z", next.DueAt.Format(time.RFC3339))
	require.Equal(t, []any{2, next.DueAt, next.DueAt, int64(3800)}, []any{next.Sequence, next.NextAttemptAt, next.ClaimAfter, plan.Total})
	charges = append(charges, next)
	_, ok = on(now)
	require.False(t, ok)

	waiting := plan
	waiting.Status = billing.PlanAwaitingFirstPayment
	charges[1].Status = billing.ChargeCanceled
	_, ok = waiting.NextCharge(charges, time.UTC, calendar.Holidays{}, now)
	require.False(t, ok, "a plan that was not begun")

	late := now.AddDate(0, 6, 0)
	last, ok := on(late)
	require.True(t, ok)
	require.Equal(t, "2026-03-31T09:00:00Z", last.DueAt.Format(time.RFC3339))
	require.Equal(t, last.DueAt, last.NextAttemptAt, "a missed charge stays missed, and a worker decides")
	require.Equal(t, late, last.ClaimAfter)
	require.True(t, plan.Recurrence.IsZero(), "that was the last one")
	require.Equal(t, billing.PlanActive, plan.StatusAfter(append(charges, last)))

	paused := billing.Plan{Status: billing.PlanPaused, Recurrence: schedule.Recurrence{Every: every, Anchor: calendar.Date{Year: 2026, Month: 1, Day: 31}, Next: 1, Amount: 5}}
	c, ok := paused.NextCharge(nil, time.UTC, calendar.Holidays{}, now)
	require.True(t, ok)
	require.True(t, c.NextAttemptAt.IsZero(), "no attempt is planned while the plan does not collect")
}
