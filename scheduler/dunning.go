package scheduler

import (
	"context"
	"time"

	"tranche/internal/billing"
)

// claimDunnings claims dunnings whose reminder, final notice or deadline is due. Without a
// DunningCalendar there are none.
func (s *Scheduler) claimDunnings(ctx context.Context, now, until time.Time) ([]billing.Task, error) {
	if s.Dunnings == nil {
		return nil, nil
	}
	claims, err := s.Dunnings.ClaimDunnings(ctx, now, until, s.Batch)
	return tasksOf(claims, s.Tasks.Dunning, err)
}
