// Package scheduler turns rows that are due into tasks: due charges, due retries, unsent notices
// and unhandled events. SQL is the calendar. The scheduler only claims rows from it, so any number
// of schedulers may run.
package scheduler

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"tranche/internal/billing"
	"tranche/internal/clock"
)

// Tasks holds the function that makes the task for each kind of claim.
type Tasks struct {
	Charge func(billing.Claim) billing.Task
	Event  func(billing.EventClaim) billing.Task
	Notice func(billing.NoticeClaim) billing.Task
	// Dunning makes the task for a claim of Config.Dunnings; nil if there is no such calendar.
	Dunning func(billing.DunningClaim) billing.Task
	// Delivery makes the task for a message to an endpoint.
	Delivery func(billing.DeliveryClaim) billing.Task
}

// Config holds the dependencies and settings of a Scheduler.
type Config struct {
	// TakePart reports why this process must not claim anything, such as a wrong clock; nil means that
	// it may.
	TakePart func(ctx context.Context) error
	Calendar billing.Calendar
	Dunnings billing.DunningCalendar // nil means that none are claimed
	Queue    billing.Queue
	Tasks    Tasks
	Clock    clock.Clock
	// Tick is the real time between two reads of the calendar.
	Tick time.Duration
	// Lease is how long, in real time, a claimed row is left to the queue and the workers before it
	// is claimed again.
	Lease time.Duration
	// Waiting counts the charge tasks that wait in the queue; nil means that they are not counted.
	// While MaxWaiting tasks wait, no more charges are claimed: their leases would end before the
	// tasks run, and the queue would fill with stale tasks.
	Waiting func(ctx context.Context) (int, error)
	// WaitingDeliveries does the same, with MaxWaitingDeliveries, for messages to endpoints.
	WaitingDeliveries func(ctx context.Context) (int, error)
	// Batch is the most rows claimed in one statement. 0 means DefaultBatch.
	Batch int
	Log   zerolog.Logger
}

// DefaultBatch is large enough that the cost of a statement is negligible, and small enough that no
// lock is held for long.
const DefaultBatch = 500

// MaxWaiting is how many charge tasks may wait. At Stripe's 100 calls a second, the last of them
// runs within the usual lease of one minute.
const MaxWaiting = 5000

// MaxWaitingDeliveries is how many messages to endpoints may wait. They are claimed batch by batch
// as they are sent, so that a burst does not fill the queue.
const MaxWaitingDeliveries = 500

// Scheduler is the loop that claims due rows and enqueues their tasks.
type Scheduler struct {
	Config
	lastTick atomic.Int64 // real time, unix milliseconds
}

// New returns a Scheduler; Run starts it.
func New(c Config) *Scheduler {
	if c.Batch == 0 {
		c.Batch = DefaultBatch
	}
	return &Scheduler{Config: c}
}

// Run reads the calendar at each tick until ctx ends. A read that fails is logged, and the next
// tick tries again: the rows are still there.
func (s *Scheduler) Run(ctx context.Context) {
	ticker := time.NewTicker(s.Tick)
	defer ticker.Stop()
	for {
		if n, err := s.RunOnce(ctx); err != nil && ctx.Err() == nil {
			s.Log.Error().Err(err).Msg("calendar not read; trying again at the next tick")
		} else if n > 0 {
			s.Log.Debug().Int("tasks", n).Msg("due rows enqueued")
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// LastTick returns the real time of the last successful read; zero before the first.
func (s *Scheduler) LastTick() time.Time {
	if ms := s.lastTick.Load(); ms != 0 {
		return time.UnixMilli(ms).UTC()
	}
	return time.Time{}
}

// RunOnce enqueues a task for every due row and returns the number of tasks. While the process
// takes no part, it does nothing and does not count as a read.
func (s *Scheduler) RunOnce(ctx context.Context) (int, error) {
	if s.TakePart != nil && s.TakePart(ctx) != nil {
		return 0, nil //nolint:nilerr // the check that refuses logs the reason
	}
	total, faults := 0, []error(nil)
	for _, claim := range []func(ctx context.Context, now, until time.Time) ([]billing.Task, error){
		s.claimEvents, s.claimCharges, s.claimDunnings, s.claimNotices, s.claimDeliveries,
	} {
		n, err := s.drain(ctx, claim)
		total += n
		faults = append(faults, err) // a failure of one kind of row does not delay the others
	}
	if err := errors.Join(faults...); err != nil {
		return total, err
	}
	s.lastTick.Store(s.Clock.Wall().UnixMilli())
	return total, nil
}

// drain claims batches until one is not full.
func (s *Scheduler) drain(ctx context.Context, claim func(ctx context.Context, now, until time.Time) ([]billing.Task, error)) (int, error) {
	for total := 0; ; {
		now := s.Clock.Now()
		tasks, err := claim(ctx, now, now.Add(s.Clock.Simulated(s.Lease)))
		if err != nil {
			return total, err
		}
		if len(tasks) > 0 {
			if err := s.Queue.Enqueue(ctx, tasks...); err != nil {
				return total, fmt.Errorf("enqueue %d due rows (their lease will bring them back): %w", len(tasks), err)
			}
		}
		total += len(tasks)
		if len(tasks) < s.Batch {
			return total, nil
		}
	}
}
