package alarm

import (
	"context"
	"sync"
	"time"
)

// MinAge is for how long, in real time, an answer is given again: pages that need no key must not be a way to load the
// database.
const MinAge = 10 * time.Second

// cached gives the last answer while it is fresh. Of many who ask at once one looks, and the others wait for it.
type cached struct {
	inner Checker
	wall  func() time.Time

	mu     sync.Mutex
	at     time.Time
	alarms []Alarm
	err    error
}

// Cached makes a checker that looks at most once in MinAge. wall is the real clock.
func Cached(inner Checker, wall func() time.Time) Checker { return &cached{inner: inner, wall: wall} }

// Check returns the alarms that there were at most MinAge ago. An error is remembered too: what is down is not asked more
// often than what is up.
func (c *cached) Check(ctx context.Context) ([]Alarm, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.wall()
	if !c.at.IsZero() && now.Sub(c.at) < MinAge {
		return c.alarms, c.err
	}
	c.alarms, c.err = c.inner.Check(ctx)
	if ctx.Err() == nil { // else it is the caller who gave up, which says nothing to the next
		c.at = now
	}
	return c.alarms, c.err
}
