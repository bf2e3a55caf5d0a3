package testbench

import (
	"sync"
	"time"
)

// Clock is a clock that the test sets, unless time passes by itself. It is safe for concurrent use.
type Clock struct {
	real bool // time passes by itself

	mu   sync.Mutex
	now  time.Time
	mono time.Duration // the time of a clock that cannot be set back
}

// Now returns the time, without what is shorter than a millisecond if time passes by itself.
func (c *Clock) Now() time.Time {
	if c.real {
		return time.Now().UTC().Truncate(time.Millisecond)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Monotonic counts every forward step of the clock, and no step back.
func (c *Clock) Monotonic() time.Duration {
	if c.real {
		return time.Duration(time.Now().UnixNano())
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.mono
}

// SetNow sets the clock.
func (c *Clock) SetNow(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mono += max(t.Sub(c.now), 0)
	c.now = t
}
