// Package clock provides the clock of charges. In production it shows the real time. For
// demonstrations and tests it can run faster: simulated = epoch + (real - epoch) * rate. Several
// processes and the Stripe simulator show the same time if they have the same epoch and rate.
package clock

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Clock converts real time to simulated time. The zero value is the real clock. It is safe for
// concurrent use.
type Clock struct {
	epoch time.Time
	rate  float64              // simulated seconds per real second; 0 means 1
	wall  func() time.Time     // nil means the machine's
	mono  func() time.Duration // nil means the machine's
}

// maxRate is about a year per second: with a higher rate, a short scheduling delay would be months.
const maxRate = 4e7

// New makes a clock that showed the real time at epoch and has run rate times as fast since. wall
// is the real clock; nil means the machine's.
func New(epoch time.Time, rate float64, wall func() time.Time) Clock {
	return Clock{epoch: epoch, rate: rate, wall: wall}
}

// Parse parses a setting such as 2026-01-01T00:00:00Z@86400 (epoch@rate). An empty setting is the
// real clock.
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

// String returns the clock in the format of Parse; "" for the real clock.
func (c Clock) String() string {
	if c.rate == 0 {
		return ""
	}
	return c.epoch.UTC().Format(time.RFC3339Nano) + "@" + strconv.FormatFloat(c.rate, 'f', -1, 64)
}

// Wall returns the real time, for signatures, certificates and other uses outside the simulation.
func (c Clock) Wall() time.Time {
	if c.wall == nil {
		return wallNow().UTC()
	}
	return c.wall().UTC()
}

// Now returns the simulated time in UTC, to the millisecond, as the store keeps it.
func (c Clock) Now() time.Time {
	now := c.Wall()
	if c.rate != 0 {
		now = c.epoch.Add(scale(now.Sub(c.epoch), c.rate)).UTC()
	}
	return now.Truncate(time.Millisecond)
}

// Simulated returns how far the clock advances in a real duration. Leases and back-off are real
// time: a faster calendar does not make a worker faster.
func (c Clock) Simulated(d time.Duration) time.Duration {
	if c.rate == 0 {
		return d
	}
	return scale(d, c.rate)
}

// Until returns the real time until the clock shows t; 0 if t has passed.
func (c Clock) Until(t time.Time) time.Duration {
	d := t.Sub(c.Now())
	if c.rate != 0 {
		d = scale(d, 1/c.rate)
	}
	return max(d, 0)
}

// scale multiplies without overflow: above 290 years, it returns the longest duration.
func scale(d time.Duration, by float64) time.Duration {
	f := float64(d) * by
	return time.Duration(min(max(f, math.MinInt64/2), math.MaxInt64/2))
}
