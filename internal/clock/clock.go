// Package clock gives the time that charges live in. In production it is the real one. For
// demonstrations and tests it can run faster: simulated = epoch + (real - epoch) * rate. Epoch and
// rate are all there is to agree on, so several processes and the Stripe simulator live through the
// same months together.
package clock

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Clock turns real time into simulated time. The zero value is the real clock. It is safe for
// concurrent use.
type Clock struct {
	epoch time.Time
	rate  float64              // simulated seconds per real second; 0 means 1
	wall  func() time.Time     // nil means the machine's
	mono  func() time.Duration // nil means the machine's
}

// maxRate is about a year in a second: beyond it a scheduling hiccup is worth months.
const maxRate = 4e7

// New makes a clock that showed the real time at epoch and has run rate times as fast since. wall
// is the real clock; nil means the machine's.
func New(epoch time.Time, rate float64, wall func() time.Time) Clock {
	return Clock{epoch: epoch, rate: rate, wall: wall}
}

// Parse reads a setting such as 2026-01-01T00:00:00Z@86400 (epoch@rate). An empty one is the real
// clock.
func Parse(s string) (Clock, error) {
	if s == "" {
		return Clock{}, nil
	}
	at, rate, _ := strings.Cut(s, "@")
	epoch, err := time.Parse(time.RFC3339, at)
	if err != nil {
		return Clock{}, fmt.Errorf("clock %q: the epoch is not an RFC 3339 time; use EPOCH@RATE, such as 2026-01-01T00:00:00Z@86400", s)
	}
	r, err := strconv.ParseFloat(rate, 64)
	if err != nil || !(r >= 1 && r <= maxRate) {
		return Clock{}, fmt.Errorf("clock %q: the rate is not a number from 1 to %.0f; use EPOCH@RATE, such as 2026-01-01T00:00:00Z@86400", s, maxRate)
	}
	return New(epoch, r, nil), nil
}

// String writes the clock as Parse reads it; empty for the real clock.
func (c Clock) String() string {
	if c.rate == 0 {
		return ""
	}
	return c.epoch.UTC().Format(time.RFC3339Nano) + "@" + strconv.FormatFloat(c.rate, 'f', -1, 64)
}

// Wall is the real time: for signatures, certificates and other dealings with the world outside.
func (c Clock) Wall() time.Time {
	if c.wall == nil {
		return wallNow().UTC()
	}
	return c.wall().UTC()
}

// Now is the simulated time, in UTC, to the millisecond, as the store keeps it.
func (c Clock) Now() time.Time {
	now := c.Wall()
	if c.rate != 0 {
		now = c.epoch.Add(scale(now.Sub(c.epoch), c.rate)).UTC()
	}
	return now.Truncate(time.Millisecond)
}

// Simulated is how far the clock moves in a real duration. Leases and back-off are real time: a
// worker does not get faster because the calendar does.
func (c Clock) Simulated(d time.Duration) time.Duration {
	if c.rate == 0 {
		return d
	}
	return scale(d, c.rate)
}

// Until is the real time that is left until the clock shows t; 0 when it has.
func (c Clock) Until(t time.Time) time.Duration {
	d := t.Sub(c.Now())
	if c.rate != 0 {
		d = scale(d, 1/c.rate)
	}
	return max(d, 0)
}

// scale multiplies without overflowing: beyond 290 years a duration stays at its greatest.
func scale(d time.Duration, by float64) time.Duration {
	f := float64(d) * by
	return time.Duration(min(max(f, math.MinInt64/2), math.MaxInt64/2))
}
