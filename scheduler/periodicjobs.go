package scheduler

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"tranche/internal/billing"
	"tranche/internal/clock"
)

// PeriodicJob is periodic work that one scheduler does on behalf of all.
type PeriodicJob struct {
	Name string
	// Every is the time by the clock between the starts of two runs.
	Every time.Duration
	// Pause is the minimum real time between two runs: a fast clock makes Every short, and Stripe's
	// limits apply in real time.
	Pause time.Duration
	// Permit reports why the work must wait; nil means that it never must. The periodic job stays due
	// meanwhile.
	Permit func(ctx context.Context) error
	// Run does the work. cursor is the time that the last successful run returned, or zero before
	// that. If a run fails, or its process dies, Run is called again with the same cursor, so
	// repeating it must do no harm.
	Run func(ctx context.Context, cursor time.Time) (next time.Time, err error)
}

// PeriodicJobConfig holds the dependencies and settings of PeriodicJobs.
type PeriodicJobConfig struct {
	// TakePart reports why this process must not claim anything, such as a wrong clock; nil means that
	// it may.
	TakePart func(ctx context.Context) error
	Store    billing.PeriodicJobStore
	Clock    clock.Clock
	// Look is the real time between two checks whether a periodic job is due. 0 means DefaultLook.
	Look time.Duration
	// Lease is the real time after which another process takes over the periodic job of a process
	// that died. 0 means DefaultPeriodicJobLease.
	Lease time.Duration
	Log   zerolog.Logger
}

const (
	// DefaultLook is short compared with the interval of any periodic job, and costs one read of a row.
	DefaultLook = 2 * time.Second
	// DefaultPeriodicJobLease is longer than most outages of a database. The process that runs the
	// periodic job extends it well before its end.
	DefaultPeriodicJobLease = 2 * time.Minute
	// retryAfter is the maximum time by the clock until a failed periodic job is tried again.
	retryAfter = 15 * time.Minute
)

// PeriodicJobs runs periodic jobs next to the calendar, each in its own goroutine, so that a slow
// periodic job delays nothing else.
type PeriodicJobs struct {
	PeriodicJobConfig
	periodicJobs []PeriodicJob
}

// NewPeriodicJobs returns PeriodicJobs; Run starts them.
func NewPeriodicJobs(c PeriodicJobConfig, periodicJobs ...PeriodicJob) *PeriodicJobs {
	if c.Look == 0 {
		c.Look = DefaultLook
	}
	if c.Lease == 0 {
		c.Lease = DefaultPeriodicJobLease
	}
	return &PeriodicJobs{PeriodicJobConfig: c, periodicJobs: periodicJobs}
}

// Run does the periodic jobs until ctx ends, and returns when the last one has ended.
func (c *PeriodicJobs) Run(ctx context.Context) {
	var running sync.WaitGroup
	for _, periodicJob := range c.periodicJobs {
		running.Go(func() { c.keep(ctx, periodicJob) })
	}
	running.Wait()
}

// keep does one periodic job whenever it is due.
func (c *PeriodicJobs) keep(ctx context.Context, periodicJob PeriodicJob) {
	ticker := time.NewTicker(c.Look)
	defer ticker.Stop()
	for ctx.Err() == nil {
		if err := c.RunOnce(ctx, periodicJob); err != nil && ctx.Err() == nil {
			c.Log.Error().Err(err).Str("job", periodicJob.Name).Msg("periodic job not done; it will be tried again")
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// RunOnce does the periodic job if it is due and no other process holds it. Errors: the periodic
// job's own, billing.ErrUnavailable, and billing.ErrConflict if another process took it over
// meanwhile.
func (c *PeriodicJobs) RunOnce(ctx context.Context, periodicJob PeriodicJob) error {
	for _, permit := range []func(context.Context) error{c.TakePart, periodicJob.Permit} {
		if permit != nil && permit(ctx) != nil {
			return nil //nolint:nilerr // the check that refuses logs the reason
		}
	}
	begun := c.Clock.Now()
	held, ok, err := c.Store.ClaimPeriodicJob(ctx, periodicJob.Name, begun, begun.Add(c.Clock.Simulated(c.Lease)), c.latest(periodicJob, begun))
	if err != nil || !ok {
		return err
	}
	next, err := c.do(ctx, periodicJob, held, c.cursor(held, begun))
	if errors.Is(err, billing.ErrConflict) {
		return err
	}
	again := begun.Add(periodicJob.Every)
	if err != nil {
		next, again = held.Cursor, c.Clock.Now().Add(min(periodicJob.Every, retryAfter))
	}
	if err != nil && ctx.Err() != nil {
		again = begun // this process is stopping: the next one to start continues at once
	}
	if soonest := c.Clock.Now().Add(c.Clock.Simulated(periodicJob.Pause)); again.Before(soonest) {
		again = soonest
	}
	return errors.Join(err, c.Store.FinishPeriodicJob(context.WithoutCancel(ctx), held, next, again))
}

// latest returns the latest time that a correct clock could have set for the periodic job to wake.
func (c *PeriodicJobs) latest(periodicJob PeriodicJob, now time.Time) time.Time {
	slack := c.Clock.Simulated(c.Lease) // another process may hold the periodic job for so long
	return now.Add(max(periodicJob.Every, c.Clock.Simulated(periodicJob.Pause)) + slack)
}

// cursor returns the cursor for a run. A cursor in the future was written by a wrong clock and does
// not show how far the periodic job has come: the periodic job then starts as if it had never run.
func (c *PeriodicJobs) cursor(held billing.PeriodicJob, now time.Time) time.Time {
	if !held.Cursor.After(now.Add(c.Clock.Simulated(c.Lease))) {
		return held.Cursor
	}
	c.Log.Warn().Str("job", held.Name).Time("cursor", held.Cursor).Msg("cursor is in the future; the periodic job begins again")
	return time.Time{}
}

// do runs the periodic job and extends its lease meanwhile. Losing the lease cancels the run.
func (c *PeriodicJobs) do(ctx context.Context, periodicJob PeriodicJob, held billing.PeriodicJob, cursor time.Time) (time.Time, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	var extending sync.WaitGroup
	extending.Go(func() { c.extend(ctx, held, cancel) })
	next, err := periodicJob.Run(ctx, cursor)
	lost := context.Cause(ctx)
	cancel(nil)
	extending.Wait()
	if errors.Is(lost, billing.ErrConflict) {
		return next, lost
	}
	return next, err
}

func (c *PeriodicJobs) extend(ctx context.Context, held billing.PeriodicJob, cancel context.CancelCauseFunc) {
	ticker := time.NewTicker(c.Lease / 4)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		err := c.Store.ExtendPeriodicJob(ctx, held, c.Clock.Now().Add(c.Clock.Simulated(c.Lease)))
		if errors.Is(err, billing.ErrConflict) {
			cancel(err)
			return
		}
	}
}
