package planwork_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/clock"
	"tranche/internal/planwork"
)

// lockedElsewhere is a database in which another process holds the plan's lock for a while.
type lockedElsewhere struct {
	billing.Store
	now *time.Time
}

// Update runs fn.
func (s lockedElsewhere) Update(_ context.Context, fn func(tx billing.Tx) error) error {
	return fn(waitingTx{now: s.now})
}

// waitingTx waits for the lock, which takes time.
type waitingTx struct {
	billing.Tx
	now *time.Time
}

// LockPlan returns a plan after half a minute.
func (tx waitingTx) LockPlan(_ context.Context, id billing.PlanID) (billing.Plan, error) {
	*tx.now = tx.now.Add(30 * time.Second)
	return billing.Plan{ID: id, Status: billing.PlanCompleted}, nil
}

// PlanCharges returns the charge of the plan.
func (waitingTx) PlanCharges(context.Context, ...billing.PlanID) ([]billing.Charge, error) {
	return []billing.Charge{{ID: "chg_1", Sequence: 1, Status: billing.ChargeSucceeded}}, nil
}

// Customer returns the plan's customer.
func (waitingTx) Customer(context.Context, billing.CustomerID) (billing.Customer, error) {
	return billing.Customer{}, nil
}

// TestDo_TimeAfterTheLock: leases and checks count from the moment at which the lock was got.
func TestDo_TimeAfterTheLock(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	work := planwork.New(planwork.Config{
		Store: lockedElsewhere{now: &now}, Clock: clock.New(time.Time{}, 0, func() time.Time { return now }), Lease: time.Minute,
	})
	require.NoError(t, work.Do(t.Context(), "plan_1", func(tx *planwork.Tx) error {
		require.Equal(t, now, tx.Now)
		return nil
	}))
}
