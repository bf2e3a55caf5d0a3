package alarm

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"tranche/internal/billing"
	"tranche/internal/clock"
)

// Config is what the alarms are found with.
type Config struct {
	Store Store
	Clock clock.Clock
	// Lease is the real time for which a row is left to its worker.
	Lease time.Duration
	// Archived tells of tasks that the queue has given up since a real time; nil where the queue can't be asked.
	Archived func(ctx context.Context, since time.Time) (billing.Backlog, error)
}

// Check asks the database and the queue each time it is called.
type check struct{ Config }

// New makes a checker that looks anew at each call.
func New(c Config) Checker { return check{c} }

// Check returns the alarms that there are now.
func (c check) Check(ctx context.Context) ([]Alarm, error) {
	var alarms []Alarm
	for _, r := range rules(c.Lease) {
		b, err := c.Store.Backlog(ctx, r.kind, c.ago(r.from), c.ago(r.to))
		if err != nil {
			return nil, fmt.Errorf("check %s: %w", r.name, err)
		}
		if b.Count > 0 {
			a := r.alarm()
			a.Count, a.Oldest, a.Reason, a.IDs = b.Count, b.Oldest, b.Reason, b.IDs
			alarms = append(alarms, a)
		}
	}
	for _, ask := range []func(context.Context) (*Alarm, error){c.silence, c.archived} {
		a, err := ask(ctx)
		if err != nil {
			return nil, err
		}
		if a != nil {
			alarms = append(alarms, *a)
		}
	}
	slices.SortStableFunc(alarms, func(a, b Alarm) int { return cmp.Compare(a.Severity, b.Severity) })
	return alarms, nil
}

// ago is the time on the clock of charges that was a real duration ago.
func (c check) ago(d time.Duration) time.Time { return c.Clock.Now().Add(-c.Clock.Simulated(d)) }

// silence is raised when no scheduler has beaten for a while. Where none ever did there is nothing to go by, and what falls
// due raises its own alarm.
func (c check) silence(ctx context.Context) (*Alarm, error) {
	last, err := c.Store.ChoreDone(ctx, Heartbeat)
	if err != nil && !errors.Is(err, billing.ErrNotFound) {
		return nil, fmt.Errorf("check scheduler_silent: %w", err)
	}
	if last.IsZero() || !last.Before(c.ago(silentFor)) {
		return nil, nil
	}
	a := silent()
	a.Count, a.Oldest = 1, last
	return &a, nil
}

// archived is raised when the queue has lately given tasks up. Nothing is lost by that; the reason is what matters.
func (c check) archived(ctx context.Context) (*Alarm, error) {
	if c.Archived == nil {
		return nil, nil
	}
	b, err := c.Archived(ctx, c.Clock.Wall().Add(-archivedFor))
	if err != nil {
		return nil, fmt.Errorf("check tasks_archived: %w", err)
	}
	if b.Count == 0 {
		return nil, nil
	}
	a := givenUp()
	a.Count, a.Oldest, a.Reason, a.IDs = b.Count, b.Oldest, b.Reason, b.IDs
	return &a, nil
}
