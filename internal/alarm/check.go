package alarm

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"tranche/internal/billing"
	"tranche/internal/clock"
)

// Config holds what a Checker needs.
type Config struct {
	Store Store
	Clock clock.Clock
	// Lease is how long, in real time, a claimed row belongs to its worker.
	Lease time.Duration
	// Archived counts the tasks that the queue gave up since a real time; nil if the queue cannot
	// be queried.
	Archived func(ctx context.Context, since time.Time) (billing.Backlog, error)
	// Queue reports why the queue accepts no tasks; nil if it cannot be queried.
	Queue func(ctx context.Context) error
	// Own are the alarms that a process raises about itself; each returns nil if all is well.
	Own []func(ctx context.Context) *Alarm
}

// check queries the database and the queue at each call.
type check struct{ Config }

// New makes a checker that checks at each call.
func New(c Config) Checker { return check{c} }

// Check returns the current alarms. With an error it returns those that need no database.
func (c check) Check(ctx context.Context) ([]Alarm, error) {
	own := c.own(ctx)
	alarms := slices.Clone(own)
	if slices.ContainsFunc(alarms, func(a Alarm) bool { return a.Name == WrongClock().Name }) {
		return alarms, nil // a wrong clock cannot show what is overdue
	}
	for _, r := range rules(c.Lease) {
		b, err := c.Store.Backlog(ctx, r.kind, c.ago(r.from), c.ago(r.to))
		if err != nil {
			return own, fmt.Errorf("check %s: %w", r.name, err)
		}
		if b.Count > 0 {
			a := r.alarm()
			a.Count, a.Oldest, a.Reason, a.IDs = b.Count, b.Oldest, b.Reason, b.IDs
			alarms = append(alarms, a)
		}
	}
	open, err := c.Store.IncidentBacklog(ctx)
	if err != nil {
		return own, fmt.Errorf("check incidents: %w", err)
	}
	for _, kind := range slices.Sorted(maps.Keys(open)) {
		b := open[kind]
		a := incident(billing.IncidentRuleOf(kind))
		a.Name, a.Count, a.Oldest, a.Reason, a.IDs = string(kind), b.Count, b.Oldest, b.Reason, b.IDs
		alarms = append(alarms, a)
	}
	silence, err := c.silence(ctx)
	if err != nil {
		return own, err
	}
	alarms = slices.Concat(alarms, silence, c.queue(ctx))
	slices.SortStableFunc(alarms, func(a, b Alarm) int { return cmp.Compare(a.Severity, b.Severity) })
	return alarms, nil
}

// own returns the alarms of this process about itself.
func (c check) own(ctx context.Context) (alarms []Alarm) {
	for _, ask := range c.Own {
		if a := ask(ctx); a != nil {
			alarms = append(alarms, *a)
		}
	}
	return alarms
}

// ago returns the time on the charges' clock that was a real duration ago.
func (c check) ago(d time.Duration) time.Time { return c.Clock.Now().Add(-c.Clock.Simulated(d)) }

// silence raises an alarm if the last heartbeat of a scheduler is old. Without any heartbeat it
// raises none: charges that fall due then raise their own alarm.
func (c check) silence(ctx context.Context) ([]Alarm, error) {
	last, err := c.Store.PeriodicJobDone(ctx, Heartbeat)
	if err != nil && !errors.Is(err, billing.ErrNotFound) {
		return nil, fmt.Errorf("check scheduler_silent: %w", err)
	}
	// A heartbeat from the future was written by a wrong clock and proves nothing.
	fresh := !last.Before(c.ago(silentFor)) && !last.After(c.ago(-silentFor))
	if last.IsZero() || fresh {
		return nil, nil
	}
	a := silent()
	a.Count, a.Oldest = 1, last
	return []Alarm{a}, nil
}

// queue raises an alarm if the queue accepts no tasks or cannot be queried, else the alarm of tasks
// that it gave up. It returns no error, so that the database's alarms are reported without a queue.
func (c check) queue(ctx context.Context) []Alarm {
	if c.Queue != nil {
		if err := c.Queue(ctx); err != nil {
			return []Alarm{queueDown(err)}
		}
	}
	archived, err := c.archived(ctx)
	if err != nil {
		return []Alarm{queueDown(err)}
	}
	return archived
}

// archived raises an alarm if the queue has recently given tasks up. Their rows enqueue them again,
// so nothing is lost; the reason needs a fix.
func (c check) archived(ctx context.Context) ([]Alarm, error) {
	if c.Archived == nil {
		return nil, nil
	}
	b, err := c.Archived(ctx, c.Clock.Wall().Add(-archivedFor))
	if err != nil || b.Count == 0 {
		return nil, err
	}
	a := givenUp()
	a.Count, a.Oldest, a.Reason, a.IDs = b.Count, b.Oldest, b.Reason, b.IDs
	return []Alarm{a}, nil
}
