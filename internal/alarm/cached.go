package alarm

import (
	"context"
	"sync"
	"time"
)

// MinAge is how long, in real time, a result is reused: pages that need no key must not be a way to
// load the database.
const MinAge = 10 * time.Second

// cached returns the last result while it is fresh. If several callers ask at the same time, one of
// them checks and the others wait for its result.
type cached struct {
	inner Checker
	wall  func() time.Time

	mu     sync.Mutex
	at     time.Time
	alarms []Alarm
	err    error
}

// Cached makes a checker that calls inner at most once per MinAge. wall is the real clock.
func Cached(inner Checker, wall func() time.Time) Checker { return &cached{inner: inner, wall: wall} }

// Check returns alarms that are at most MinAge old. Errors are reused too: a database that is down
// is not queried more often than one that is up.
func (c *cached) Check(ctx context.Context) ([]Alarm, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.wall()
	if !c.at.IsZero() && now.Sub(c.at) < MinAge {
		return c.alarms, c.err
	}
	c.alarms, c.err = c.inner.Check(ctx)
	if ctx.Err() == nil { // a check that its caller canceled is not reused
		c.at = now
	}
	return c.alarms, c.err
}
