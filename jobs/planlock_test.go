package jobs_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/operator"
	"tranche/internal/store/open"
	"tranche/internal/testenv"
	"tranche/jobs"
)

// lockHeld runs a function once, while a transaction holds the lock of a plan.
type lockHeld struct {
	billing.Store
	do func()
}

// Update passes on a transaction that runs the function.
func (s *lockHeld) Update(ctx context.Context, fn func(tx billing.Tx) error) error {
	return s.Store.Update(ctx, func(tx billing.Tx) error { return fn(&lockHeldTx{tx, s}) })
}

type lockHeldTx struct {
	billing.Tx
	store *lockHeld
}

// LockPlan locks the plan, and runs the function.
func (t *lockHeldTx) LockPlan(ctx context.Context, id billing.PlanID) (billing.Plan, error) {
	plan, err := t.Tx.LockPlan(ctx, id)
	if do := t.store.do; do != nil {
		t.store.do = nil
		do()
	}
	return plan, err
}

// TestCollect_PausedUnderTheLock has an operator pause a plan while a worker makes its final check
// of a charge. The pause must wait for the attempt: once it has succeeded, nothing more is charged.
func TestCollect_PausedUnderTheLock(t *testing.T) {
	t.Parallel()
	url := testenv.Postgres(t)
	s, err := open.Store(t.Context(), url, open.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	_, _, err = s.Migrate(t.Context())
	require.NoError(t, err)
	impatient, err := open.Store(t.Context(), url+"&lock_timeout=100ms", open.Options{}) // where the lock is held, waiting longer changes nothing
	require.NoError(t, err)
	t.Cleanup(func() { _ = impatient.Close() })

	b := newBench(t, s)
	p := b.Started(good, nil)
	task := b.claimed(p)
	calls := b.Gateway.Calls
	var refused error
	b.With(func(c *jobs.Config) {
		c.Store = &lockHeld{s, func() {
			_, refused = operator.New(impatient, b.Now, billing.Rules{}).Pause(t.Context(), p.Plan.ID, "")
		}}
	})
	b.Do(collectTask(string(task.ChargeID), task.Lease))
	require.ErrorIs(t, refused, billing.ErrUnavailable, "the plan was paused between the worker's final check and its attempt")
	require.Equal(t, calls+1, b.Gateway.Calls)
	require.Equal(t, billing.ChargeSucceeded, b.Charge(p.Plan.ID, 2).Status)
}
