package billing_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/calendar"
	"tranche/internal/schedule"
)

// TestAttemptIDFor is a function of charge, number and initiator, and keeps the charge's time.
func TestAttemptIDFor(t *testing.T) {
	t.Parallel()
	charge := billing.NewChargeID(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	one := billing.AttemptIDFor(charge, 1, billing.InitiatorMerchant)
	require.Equal(t, one, billing.AttemptIDFor(charge, 1, billing.InitiatorMerchant))
	require.Equal(t, string(charge[4:13]), string(one[4:13]), "the time")
	seen := map[any]bool{one: true, billing.RefundIDFor(charge, 1): true}
	for _, other := range []billing.AttemptID{
		billing.AttemptIDFor(charge, 2, billing.InitiatorMerchant),
		billing.AttemptIDFor(charge, 1, billing.InitiatorCustomer),
		billing.AttemptIDFor(billing.NewChargeID(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)), 1, billing.InitiatorMerchant),
		billing.AttemptIDFor("chg_odd", 1, billing.InitiatorMerchant),
	} {
		require.False(t, seen[other], other)
		require.Len(t, string(other), len(one))
		seen[other] = true
	}
}

// TestGoOn_SameID gives the next charge of a recurrence the same id each time it is created, and
// never an existing id.
func TestGoOn_SameID(t *testing.T) {
	t.Parallel()
	plan := billing.Plan{ID: "plan_1", Status: billing.PlanActive, Recurrence: schedule.Recurrence{
		Every: calendar.Interval{Count: 1, Unit: "month"}, Anchor: calendar.DateOf(time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC), time.UTC), Next: 3, Amount: 500,
	}}
	write := func(now time.Time, charges ...billing.Charge) billing.ChargeID {
		p := plan
		c, ok := p.NextCharge(charges, time.UTC, calendar.Holidays{}, now)
		require.True(t, ok)
		return c.ID
	}
	now := time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC)
	id := write(now)
	require.Equal(t, id, write(now.AddDate(0, 0, 9)), "after a restore")
	require.NotEqual(t, id, write(now, billing.Charge{ID: id, Status: billing.ChargeSucceeded}))
}

// TestPlanIDFor is a function of time and origin, and sorts by its time.
func TestPlanIDFor(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	id := billing.PlanIDFor(at, "payment_intent", "pi_1")
	require.Equal(t, id, billing.PlanIDFor(at, "payment_intent", "pi_1"))
	require.NotEqual(t, id, billing.PlanIDFor(at, "payment_intent", "pi_2"))
	require.NotEqual(t, id, billing.PlanIDFor(at, "import", "pi_1"))
	require.Len(t, string(id), len(billing.NewPlanID(at)))
	require.Less(t, string(id), string(billing.PlanIDFor(at.Add(time.Millisecond), "payment_intent", "pi_1")))
	first := billing.ChargeIDFor(id, 1)
	require.Equal(t, first, billing.ChargeIDFor(id, 1))
	require.NotEqual(t, billing.ChargeIDFor(id, 1), billing.ChargeIDFor(id, 2))
}
