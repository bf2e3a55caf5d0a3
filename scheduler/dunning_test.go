package scheduler_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/scheduler"
)

// reminders is a calendar of dunnings.
type reminders []billing.DunningClaim

// ClaimDunnings returns each claim once.
func (r *reminders) ClaimDunnings(context.Context, time.Time, time.Time, int) ([]billing.DunningClaim, error) {
	claims := *r
	*r = nil
	return claims, nil
}

func TestDunningsWhoseTimeHasComeBecomeTasks(t *testing.T) {
	t.Parallel()
	q := &taken{}
	s := newScheduler(&months{next: time.Now().AddDate(1, 0, 0)}, q, time.Now, 0)
	s.Dunnings = &reminders{{ChargeID: "chg_1", Lease: 3}, {ChargeID: "chg_2", Lease: 1}}
	s.Tasks = scheduler.Tasks{Dunning: func(c billing.DunningClaim) billing.Task {
		return billing.Task{Kind: "dunning", ID: string(c.ChargeID)}
	}}
	n, err := s.RunOnce(t.Context())
	require.NoError(t, err)
	require.Equal(t, 2, n)
	require.Equal(t, 2, q.count())
	n, err = s.RunOnce(t.Context())
	require.NoError(t, err)
	require.Zero(t, n)
}
