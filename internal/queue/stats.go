package queue

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"tranche/internal/billing"
)

// registry is the set of existing queues that asynq keeps in Redis.
const registry = "asynq:queues"

// Depth counts the tasks of one queue.
type Depth struct {
	Queue     string
	Pending   int           // ready, waiting for a slot
	Active    int           // being run
	Scheduled int           // due later
	Retry     int           // failed, to be run again
	Archived  int           // given up; the scheduler finds their rows again
	Latency   time.Duration // how long the oldest pending task has waited
}

// Stats counts the tasks of each queue. Errors: billing.ErrUnavailable.
func (q *Queue) Stats(ctx context.Context) ([]Depth, error) {
	// A client registers a queue only once, so after FLUSHALL asynq would report that it does not
	// exist. A full Redis refuses this write, but can still count its tasks.
	if err := q.redis.SAdd(ctx, registry, names()).Err(); err != nil && !isReply(err) {
		return nil, fmt.Errorf("count tasks: %w: %w", billing.ErrUnavailable, err)
	}
	var depths []Depth
	for _, name := range names() {
		info, err := q.inspector.GetQueueInfo(name)
		if isUnknown(err) { // flushed, or never written to a Redis that was full
			info, err = &asynq.QueueInfo{}, nil
		}
		if err != nil {
			return nil, fmt.Errorf("count tasks in %s: %w: %w", name, billing.ErrUnavailable, err)
		}
		depths = append(depths, Depth{
			Queue: name, Pending: info.Pending, Active: info.Active, Scheduled: info.Scheduled, Retry: info.Retry,
			Archived: info.Archived, Latency: info.Latency,
		})
	}
	return depths, nil
}

// isReply reports whether the error is Redis's own answer.
func isReply(err error) bool {
	_, ok := errors.AsType[redis.Error](err)
	return ok
}

// isUnknown reports whether asynq does not know the queue. For some calls it has an error of an
// internal type, which only its text shows.
func isUnknown(err error) bool {
	return errors.Is(err, asynq.ErrQueueNotFound) || err != nil && strings.HasPrefix(err.Error(), "NOT_FOUND")
}
