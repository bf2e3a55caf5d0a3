package clock

import "time"

// Instant is one reading of both clocks of the machine: the wall clock, which can be set, and the
// monotonic clock, which cannot. The zero value is no reading.
type Instant struct {
	wall time.Time
	mono time.Duration
}

// Instant reads both clocks.
func (c Clock) Instant() Instant { return Instant{wall: c.Wall().Round(0), mono: c.monotonic()} }

func (c Clock) monotonic() time.Duration {
	if c.mono != nil {
		return c.mono()
	}
	return monotonicNow()
}

// Took returns the time since an instant by the monotonic clock alone: how long a call took.
func (c Clock) Took(i Instant) time.Duration { return c.monotonic() - i.mono }

// Since returns the real time that passed since an instant, by whichever clock counted more: the
// monotonic clock of some machines stands still during a suspension, and the wall clock can be set
// back.
func (c Clock) Since(i Instant) time.Duration {
	now := c.Instant()
	return max(now.wall.Sub(i.wall), now.mono-i.mono)
}

// Step returns how far the wall clock has moved apart from the monotonic clock since an instant:
// positive when it was set ahead or the machine was suspended, negative when it was set back.
func (c Clock) Step(i Instant) time.Duration {
	now := c.Instant()
	return now.wall.Sub(i.wall) - (now.mono - i.mono)
}

// WithMonotonic returns the clock with another monotonic clock, for tests.
func (c Clock) WithMonotonic(mono func() time.Duration) Clock {
	c.mono = mono
	return c
}
