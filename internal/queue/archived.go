package queue

import (
	"context"
	"fmt"
	"time"

	"github.com/hibiken/asynq"

	"tranche/internal/billing"
)

const (
	// archivedPage is how many archived tasks are read at once, and archivedPages how many such pages
	// of a queue are read, newest first: more would show nothing new.
	archivedPage  = 100
	archivedPages = 2
	// archivedIDs is how many task ids are listed.
	archivedIDs = 5
)

// Archived counts the tasks that asynq has given up (archived) since a time. Nothing is lost,
// because their rows are enqueued again under other ids, but the reason is worth an alarm. Errors:
// billing.ErrUnavailable.
func (q *Queue) Archived(ctx context.Context, since time.Time) (billing.Backlog, error) {
	var b billing.Backlog
	depths, err := q.Stats(ctx)
	if err != nil {
		return b, err
	}
	for _, d := range depths {
		last := (d.Archived + archivedPage - 1) / archivedPage // asynq lists the oldest first
		for page := last; page > max(last-archivedPages, 0); page-- {
			tasks, err := q.inspector.ListArchivedTasks(d.Queue, asynq.PageSize(archivedPage), asynq.Page(page))
			if err != nil && !isUnknown(err) { // flushed in between
				return b, fmt.Errorf("list given-up tasks in %s: %w: %w", d.Queue, billing.ErrUnavailable, err)
			}
			for _, t := range tasks {
				noteArchived(&b, t, since)
			}
		}
	}
	return b, nil
}

// noteArchived counts a task if it was given up since a time. asynq stores whole seconds.
func noteArchived(b *billing.Backlog, t *asynq.TaskInfo, since time.Time) {
	if t.LastFailedAt.Before(since.Truncate(time.Second)) {
		return
	}
	b.Count++
	if len(b.IDs) < archivedIDs {
		b.IDs = append(b.IDs, t.ID)
	}
	if b.Oldest.IsZero() || t.LastFailedAt.Before(b.Oldest) {
		b.Oldest, b.Reason = t.LastFailedAt.UTC(), t.LastErr
	}
}
