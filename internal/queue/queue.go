package queue

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

	"tranche/internal/billing"
	"tranche/internal/clock"
)

// The queues. Urgent, short tasks have their own servers, so that they never wait for a slot that
// is taken by a call to Stripe. Within a kind of server, weights share the slots.
const (
	Events  = "events"  // Stripe's events
	Notices = "notices" // mails
	Charges = "charges" // first attempts at due charges
	Retries = "retries" // later attempts
	// Webhooks are messages to the merchant's endpoints, which may take their time.
	Webhooks = "webhooks"
)

// names lists all queues.
func names() []string { return []string{Events, Notices, Charges, Retries, Webhooks} }

// MinRetry is the lowest MaxRetry of a route: with 0, asynq archives the task of a killed worker
// and never runs it again.
const MinRetry = 5

// enqueueing is how many tasks are added at once. More would not be faster.
const enqueueing = 16

// Route configures how tasks of one kind are run.
type Route struct {
	Queue    string        // one of Events, Notices, Charges, Retries and Webhooks
	MaxRetry int           // at least MinRetry
	Timeout  time.Duration // of one run, at least a second and longer than any call in it
}

// Queue implements billing.Queue. It is safe for concurrent use.
type Queue struct {
	redis     redis.UniversalClient
	client    *asynq.Client
	inspector *asynq.Inspector
	routes    map[string]Route
	until     func(time.Time) time.Duration
}

var _ billing.Queue = (*Queue)(nil)

// New makes a queue. routes has a route for each kind of task. until converts a task's time into a
// real delay, which a simulated clock needs; nil means the real clock. New does not connect yet.
func New(options asynq.RedisConnOpt, routes map[string]Route, until func(time.Time) time.Duration) (*Queue, error) {
	for kind, r := range routes {
		if err := r.check(); err != nil {
			return nil, fmt.Errorf("route of %s: %w", kind, err)
		}
	}
	client, ok := options.MakeRedisClient().(redis.UniversalClient)
	if !ok {
		return nil, fmt.Errorf("queue: %T opens no Redis client", options)
	}
	if until == nil {
		until = clock.Clock{}.Until
	}
	return &Queue{
		redis:     client,
		client:    asynq.NewClientFromRedisClient(client),
		inspector: asynq.NewInspectorFromRedisClient(client),
		routes:    routes,
		until:     until,
	}, nil
}

// check refuses values that asynq would ignore silently.
func (r Route) check() error {
	switch {
	case !slices.Contains(names(), r.Queue):
		return fmt.Errorf("there is no queue %q", r.Queue)
	case r.MaxRetry < MinRetry:
		return fmt.Errorf("MaxRetry is %d, less than %d", r.MaxRetry, MinRetry)
	case r.Timeout < time.Second:
		return fmt.Errorf("timeout is %s, less than a second", r.Timeout)
	}
	return nil
}

// Enqueue adds tasks, several at once. A task whose id is taken is dropped without an error. If
// Redis can't be reached, Enqueue stops at the first failure; some tasks may have been added.
// Errors: billing.ErrUnavailable. A task without a route or without an id is a mistake of the
// caller: an error is returned, and nothing is added.
func (q *Queue) Enqueue(ctx context.Context, tasks ...billing.Task) error {
	for _, t := range tasks {
		if _, ok := q.routes[t.Kind]; !ok {
			return fmt.Errorf("enqueue %s: no route for kind %q", t.ID, t.Kind)
		}
		if strings.TrimSpace(t.ID) == "" {
			return fmt.Errorf("enqueue %s: no id", t.Kind)
		}
	}
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(enqueueing)
	for _, t := range tasks {
		if groupCtx.Err() != nil {
			break
		}
		group.Go(func() error { return q.enqueue(groupCtx, t) })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("enqueue: %w: %w", billing.ErrUnavailable, err)
	}
	return nil
}

func (q *Queue) enqueue(ctx context.Context, t billing.Task) error {
	route := q.routes[t.Kind]
	options := []asynq.Option{
		asynq.TaskID(t.ID), // without Unique: together they leak the lock
		asynq.Queue(route.Queue),
		asynq.MaxRetry(route.MaxRetry),
		asynq.Timeout(route.Timeout),
	}
	if !t.At.IsZero() {
		if delay := q.until(t.At); delay > 0 {
			options = append(options, asynq.ProcessAt(wholeSecond(clock.Clock{}.Wall().Add(delay))))
		}
	}
	_, err := q.client.EnqueueContext(ctx, asynq.NewTask(t.Kind, t.Payload), options...)
	switch {
	case err == nil, errors.Is(err, asynq.ErrTaskIDConflict), errors.Is(err, asynq.ErrDuplicateTask):
		return nil
	}
	return fmt.Errorf("enqueue %s %s: %w: %w", t.Kind, t.ID, billing.ErrUnavailable, err)
}

// wholeSecond rounds up: asynq stores whole seconds, and with a time that is rounded down a task
// would start too early.
func wholeSecond(t time.Time) time.Time {
	if whole := t.Truncate(time.Second); whole.Before(t) {
		return whole.Add(time.Second)
	}
	return t
}

// Ping checks that Redis answers. Errors: billing.ErrUnavailable.
func (q *Queue) Ping(ctx context.Context) error {
	if err := q.redis.Ping(ctx).Err(); err != nil {
		return fmt.Errorf("ping queue: %w: %w", billing.ErrUnavailable, err)
	}
	return nil
}

const (
	// probeKey is written to find out whether Redis accepts writes.
	probeKey = "tranche:write-probe"
	// probeTTL removes the key once the checks stop.
	probeTTL = time.Minute
)

// CheckWrite checks that Redis accepts a task: a Redis that is full, or only a replica, answers a
// ping but accepts no writes. Errors: billing.ErrUnavailable.
func (q *Queue) CheckWrite(ctx context.Context) error {
	if err := q.redis.Set(ctx, probeKey, "", probeTTL).Err(); err != nil {
		return fmt.Errorf("write to the queue: %w: %w", billing.ErrUnavailable, err)
	}
	return nil
}

// Close closes the connections to Redis.
func (q *Queue) Close() error {
	if err := q.redis.Close(); err != nil {
		return fmt.Errorf("close queue: %w", err)
	}
	return nil
}
