// Package clockguard keeps a process whose clock is wrong from taking part. Due times are judged by
// the process's own clock, so that clock is compared with the database's and with Stripe's.
package clockguard

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"tranche/internal/billing"
	"tranche/internal/clock"
)

const (
	// Limit is how far the wall clock may be from the database's or Stripe's.
	Limit = time.Minute
	// measureEvery is the real time between two measurements while the clock is right.
	measureEvery = time.Minute
	// doubtEvery is the same while it is wrong or in doubt.
	doubtEvery = 5 * time.Second
	// lookEvery is how often Run compares the wall clock with the monotonic clock.
	lookEvery = time.Second
	// stepOf is how far both may part, in a minute, before the wall clock counts as set. NTP slews by
	// 0.03 s in that time.
	stepOf = 2 * time.Second
	// repeatAfter is the real time after which a fault that lasts is logged again.
	repeatAfter = 10 * time.Minute
	// dateError is what the whole seconds of an HTTP Date leave open, either way, around its middle.
	dateError = 500 * time.Millisecond
	// askTimeout limits how long one measurement may take.
	askTimeout = 5 * time.Second
)

// The clocks that this process's own is compared with.
const (
	Database = "database"
	Stripe   = "Stripe"
)

// Config configures a Guard.
type Config struct {
	Clock clock.Clock
	// Database returns the database's time. It is nil if the database runs in this process and has no
	// clock of its own; the clock is then compared with Stripe's only.
	Database func(ctx context.Context) (time.Time, error)
	// Stripe makes one call to Stripe, whose answer is reported through Answered. It may be nil.
	Stripe func(ctx context.Context) error
	Log    zerolog.Logger
}

// WrongClockError reports that this process takes no part because its clock is wrong.
type WrongClockError struct {
	Source string        // whose clock it was compared with
	Ahead  time.Duration // how far this process is ahead of it; negative when it is behind
}

// Error states which clock is wrong, and by how much.
func (e *WrongClockError) Error() string {
	how := "ahead of"
	if e.Ahead < 0 {
		how = "behind"
	}
	return fmt.Sprintf("this machine's clock is %s %s the clock of %s", e.Ahead.Abs().Round(time.Second), how, sourceName(e.Source))
}

func sourceName(source string) string {
	if source == Database {
		return "the database"
	}
	return source
}

// errUnchecked is a clock that was set, or never compared, and cannot be compared now.
var errUnchecked = fmt.Errorf("this machine's clock was not compared with another: %w", billing.ErrUnavailable)

// offset is how far this process was ahead of one clock when both were read.
type offset struct {
	ahead time.Duration
	at    clock.Instant
	// known is false for an answer without a time, which proves nothing.
	known bool
}

// Guard compares clocks and remembers the result. It is safe for concurrent use.
type Guard struct {
	Config

	mu       sync.Mutex
	offsets  map[string]offset
	base     clock.Instant // when the clock was last found unset
	doubt    bool          // the clock was set since the last comparison
	compared bool          // the clock was compared at least once
	measured clock.Instant // when Measure last ran

	asking sync.Mutex // one measurement at a time
}

// New makes a guard. Call Measure once, and then Run.
func New(c Config) *Guard {
	return &Guard{Config: c, offsets: map[string]offset{}, base: c.Clock.Instant()}
}

// Answered records the Date of a response from Stripe that arrived now, and how long the call took
// by the monotonic clock. A zero date means that the response had none.
func (g *Guard) Answered(date time.Time, took time.Duration) {
	ahead := time.Duration(0)
	if !date.IsZero() {
		// The date is cut to the second, and was read about half a call ago.
		ahead = reduced(g.Clock.Wall().Round(0).Add(-took/2).Sub(date.Add(dateError)), took/2+dateError)
	}
	g.note(Stripe, ahead, !date.IsZero())
}

// reduced subtracts the uncertainty of a measurement from a difference.
func reduced(d, uncertain time.Duration) time.Duration {
	if d < 0 {
		return min(d+uncertain, 0)
	}
	return max(d-uncertain, 0)
}

// note records a comparison. It ends the doubt about a clock that was set, if the source is the one
// that must be asked.
func (g *Guard) note(source string, ahead time.Duration, known bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.noticeStep()
	g.offsets[source] = offset{ahead: ahead, at: g.Clock.Instant(), known: known}
	if source == Database || g.Database == nil {
		g.doubt, g.compared = false, true
		g.base = g.Clock.Instant()
	}
}

// noticeStep marks the clock as in doubt if it was set: earlier comparisons are void.
func (g *Guard) noticeStep() {
	step := g.Clock.Step(g.base)
	if step.Abs() < stepOf {
		return
	}
	g.Log.Warn().Dur("step_ms", step).Msg("the wall clock was set, or the machine was suspended: the clock is compared again")
	g.base, g.doubt, g.measured = g.Clock.Instant(), true, clock.Instant{}
	clear(g.offsets)
}

// Measure compares the clock with the database's, and with Stripe's if no response came lately.
func (g *Guard) Measure(ctx context.Context) {
	g.asking.Lock()
	defer g.asking.Unlock()
	g.measure(ctx)
}

// settle measures unless another caller just did.
func (g *Guard) settle(ctx context.Context) {
	g.asking.Lock()
	defer g.asking.Unlock()
	if g.inDoubt() {
		g.measure(ctx)
	}
}

func (g *Guard) measure(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	g.askDatabase(ctx)
	if g.Stripe != nil && g.stale(Stripe) {
		_ = g.Stripe(ctx) // Answered records the result; without an answer nothing is known
	}
	g.mu.Lock()
	g.measured = g.Clock.Instant()
	g.mu.Unlock()
}

// askDatabase reads the database's clock and subtracts half of the round trip.
func (g *Guard) askDatabase(ctx context.Context) {
	if g.Database == nil {
		return
	}
	began := g.Clock.Instant()
	theirs, err := g.Database(ctx)
	took := g.Clock.Took(began)
	if err == nil {
		g.note(Database, reduced(g.Clock.Wall().Round(0).Add(-took/2).Sub(theirs), took/2), true)
	}
}

// stale reports whether the last comparison with a source is too old.
func (g *Guard) stale(source string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	o, heard := g.offsets[source]
	return !heard || g.Clock.Since(o.at) >= g.pace()
}

// pace returns the real time between two measurements. The caller holds the lock.
func (g *Guard) pace() time.Duration {
	if g.verdict() != nil || !g.compared {
		return doubtEvery
	}
	return measureEvery
}

// Check reports why this process takes no part: its clock is wrong, or was set and cannot be
// compared again. Most calls only compare the wall clock with the monotonic clock. Errors:
// *WrongClockError, billing.ErrUnavailable.
func (g *Guard) Check(ctx context.Context) error {
	if g.inDoubt() {
		g.settle(ctx)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := g.verdict(); err != nil {
		return err
	}
	if !g.compared {
		return errUnchecked
	}
	return nil
}

// inDoubt reports whether the clock was set since it was last compared, and it is time to compare
// it: while that fails it is tried again after doubtEvery.
func (g *Guard) inDoubt() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.noticeStep()
	return g.doubt && g.Clock.Since(g.measured) >= doubtEvery
}

// Wrong is Check for work that may be done before the clock was compared: accepting webhooks and
// requests.
func (g *Guard) Wrong() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.noticeStep()
	return g.verdict()
}

// verdict returns the result of the last comparisons. The caller holds the lock.
func (g *Guard) verdict() error {
	for _, source := range []string{Database, Stripe} {
		if o := g.offsets[source]; o.known && o.ahead.Abs() > Limit {
			return &WrongClockError{Source: source, Ahead: o.ahead}
		}
	}
	if g.doubt {
		return errUnchecked
	}
	return nil
}
