package scheduler

import (
	"context"
	"time"

	"tranche/internal/billing"
)

func (s *Scheduler) claimCharges(ctx context.Context, now, until time.Time) ([]billing.Task, error) {
	if crowded(ctx, s.Waiting, MaxWaiting) {
		return nil, nil
	}
	claims, err := s.Calendar.ClaimCharges(ctx, now, until, s.Batch)
	return tasksOf(claims, s.Tasks.Charge, err)
}

// crowded reports whether enough tasks wait for the workers. A queue that can't be counted is not
// crowded: it may be empty.
func crowded(ctx context.Context, count func(ctx context.Context) (int, error), limit int) bool {
	if count == nil {
		return false
	}
	waiting, err := count(ctx)
	return err == nil && waiting >= limit
}

func (s *Scheduler) claimEvents(ctx context.Context, now, until time.Time) ([]billing.Task, error) {
	claims, err := s.Calendar.ClaimEvents(ctx, now, until, s.Batch)
	return tasksOf(claims, s.Tasks.Event, err)
}

func (s *Scheduler) claimNotices(ctx context.Context, now, until time.Time) ([]billing.Task, error) {
	claims, err := s.Calendar.ClaimNotices(ctx, now, until, s.Batch)
	return tasksOf(claims, s.Tasks.Notice, err)
}

// claimDunnings claims dunnings whose reminder, final notice or deadline is due. Without a
// DunningCalendar there are none.
func (s *Scheduler) claimDunnings(ctx context.Context, now, until time.Time) ([]billing.Task, error) {
	if s.Dunnings == nil {
		return nil, nil
	}
	claims, err := s.Dunnings.ClaimDunnings(ctx, now, until, s.Batch)
	return tasksOf(claims, s.Tasks.Dunning, err)
}

func (s *Scheduler) claimDeliveries(ctx context.Context, now, until time.Time) ([]billing.Task, error) {
	if crowded(ctx, s.WaitingDeliveries, MaxWaitingDeliveries) {
		return nil, nil
	}
	claims, err := s.Calendar.ClaimDeliveries(ctx, now, until, s.Batch)
	return tasksOf(claims, s.Tasks.Delivery, err)
}

func tasksOf[C any](claims []C, task func(C) billing.Task, err error) ([]billing.Task, error) {
	tasks := make([]billing.Task, len(claims))
	for i, c := range claims {
		tasks[i] = task(c)
	}
	return tasks, err
}
