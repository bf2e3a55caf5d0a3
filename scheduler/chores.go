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

// Chore is periodic work that one scheduler does on behalf of all.
type Chore struct {
	Name string
	// Every is the time by the clock between the starts of two runs.
	Every time.Duration
	// Pause is the minimum real time between two runs: a fast clock makes Every short, and Stripe's
	// limits apply in real time.
	Pause time.Duration
	// Permit reports why the work must wait; nil means that it never must. The chore stays due
	// meanwhile.
	Permit func(ctx context.Context) error
	// Run does the work. cursor is the time that the last successful run returned, or zero before
	// that. If a run fails, or its process dies, Run is called again with the same cursor, so
	// repeating it must do no harm.
	Run func(ctx context.Context, cursor time.Time) (next time.Time, err error)
}

// ChoreConfig holds the dependencies and settings of Chores.
type ChoreConfig struct {
	// TakePart reports why this process must not claim anything, such as a wrong clock; nil means that
	// it may.
	TakePart func(ctx context.Context) error
	Store    billing.ChoreStore
	Clock    clock.Clock
	// Look is the real time between two checks whether a chore is due. 0 means DefaultLook.
	Look time.Duration
	// Lease is the real time after which another process takes over the chore of a process that died.
	// 0 means DefaultChoreLease.
	Lease time.Duration
	Log   zerolog.Logger
}

const (
	// DefaultLook is short compared with the interval of any chore, and costs one read of a row.
	DefaultLook = 2 * time.Second
	// DefaultChoreLease is longer than most outages of a database. The process that runs the chore
	// extends it well before its end.
	DefaultChoreLease = 2 * time.Minute
	// retryAfter is the maximum time by the clock until a failed chore is tried again.
	retryAfter = 15 * time.Minute
)

// Chores runs chores next to the calendar, each in its own goroutine, so that a slow chore delays
// nothing else.
type Chores struct {
	ChoreConfig
	chores []Chore
}

// NewChores returns Chores; Run starts them.
func NewChores(c ChoreConfig, chores ...Chore) *Chores {
	if c.Look == 0 {
		c.Look = DefaultLook
	}
	if c.Lease == 0 {
		c.Lease = DefaultChoreLease
	}
	return &Chores{ChoreConfig: c, chores: chores}
}

// Run does the chores until ctx ends, and returns when the last one has ended.
func (c *Chores) Run(ctx context.Context) {
	var running sync.WaitGroup
	for _, chore := range c.chores {
		running.Go(func() { c.keep(ctx, chore) })
	}
	running.Wait()
}

// keep does one chore whenever it is due.
func (c *Chores) keep(ctx context.Context, chore Chore) {
	ticker := time.NewTicker(c.Look)
	defer ticker.Stop()
	for ctx.Err() == nil {
		if err := c.RunOnce(ctx, chore); err != nil && ctx.Err() == nil {
			c.Log.Error().Err(err).Str("chore", chore.Name).Msg("chore not done; it will be tried again")
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// RunOnce does the chore if it is due and no other process holds it. Errors: the chore's own,
// billing.ErrUnavailable, and billing.ErrConflict if another process took it over meanwhile.
func (c *Chores) RunOnce(ctx context.Context, chore Chore) error {
	for _, permit := range []func(context.Context) error{c.TakePart, chore.Permit} {
		if permit != nil && permit(ctx) != nil {
			return nil //nolint:nilerr // the check that refuses logs the reason
		}
	}
	begun := c.Clock.Now()
	held, ok, err := c.Store.ClaimChore(ctx, chore.Name, begun, begun.Add(c.Clock.Simulated(c.Lease)), c.latest(chore, begun))
	if err != nil || !ok {
		return err
	}
	next, err := c.do(ctx, chore, held, c.cursor(held, begun))
	if errors.Is(err, billing.ErrConflict) {
		return err
	}
	again := begun.Add(chore.Every)
	if err != nil {
		next, again = held.Cursor, c.Clock.Now().Add(min(chore.Every, retryAfter))
	}
	if err != nil && ctx.Err() != nil {
		again = begun // this process is stopping: the next one to start continues at once
	}
	if soonest := c.Clock.Now().Add(c.Clock.Simulated(chore.Pause)); again.Before(soonest) {
		again = soonest
	}
	return errors.Join(err, c.Store.FinishChore(context.WithoutCancel(ctx), held, next, again))
}

// latest returns the latest time that a correct clock could have set for the chore to wake.
func (c *Chores) latest(chore Chore, now time.Time) time.Time {
	slack := c.Clock.Simulated(c.Lease) // another process may hold the chore for so long
	return now.Add(max(chore.Every, c.Clock.Simulated(chore.Pause)) + slack)
}

// cursor returns the cursor for a run. A cursor in the future was written by a wrong clock and does
// not show how far the chore has come: the chore then starts as if it had never run.
func (c *Chores) cursor(held billing.Chore, now time.Time) time.Time {
	if !held.Cursor.After(now.Add(c.Clock.Simulated(c.Lease))) {
		return held.Cursor
	}
	c.Log.Warn().Str("chore", held.Name).Time("cursor", held.Cursor).Msg("cursor is in the future; the chore begins again")
	return time.Time{}
}

// do runs the chore and extends its lease meanwhile. Losing the lease cancels the run.
func (c *Chores) do(ctx context.Context, chore Chore, held billing.Chore, cursor time.Time) (time.Time, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	var extending sync.WaitGroup
	extending.Go(func() { c.extend(ctx, held, cancel) })
	next, err := chore.Run(ctx, cursor)
	lost := context.Cause(ctx)
	cancel(nil)
	extending.Wait()
	if errors.Is(lost, billing.ErrConflict) {
		return next, lost
	}
	return next, err
}

func (c *Chores) extend(ctx context.Context, held billing.Chore, cancel context.CancelCauseFunc) {
	ticker := time.NewTicker(c.Lease / 4)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		err := c.Store.ExtendChore(ctx, held, c.Clock.Now().Add(c.Clock.Simulated(c.Lease)))
		if errors.Is(err, billing.ErrConflict) {
			cancel(err)
			return
		}
	}
}
