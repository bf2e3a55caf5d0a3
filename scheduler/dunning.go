package scheduler

import (
	"context"
	"time"

	"tranche/internal/billing"
)

// claimDunnings takes up reminders, final notices and deadlines. Without a calendar of them there
// are none.
func (s *Scheduler) claimDunnings(ctx context.Context, now, until time.Time) ([]billing.Task, error) {
	if s.Dunnings == nil {
		return nil, nil
	}
	claims, err := s.Dunnings.ClaimDunnings(ctx, now, until, s.Batch)
	return tasksOf(claims, s.Tasks.Dunning, err)
}
