package stripegw

import (
	"errors"
	"sync"
	"time"

	"github.com/sony/gobreaker/v2"

	"tranche/internal/clock"
)

// The defaults of BreakerConfig.
const (
	DefaultFailures   = 5
	DefaultWindow     = 10 * time.Minute // several times as long as that many timeouts in a row
	DefaultFirstProbe = 10 * time.Second
	DefaultMaxProbe   = 2 * time.Minute
)

// BreakerConfig defines when calls stop because Stripe does not respond. All durations are real
// time.
type BreakerConfig struct {
	// Failures is the number of calls in a row without a response from Stripe that opens the
	// breaker; 0 means DefaultFailures.
	Failures uint32
	// Window is how long failed calls are counted; 0 means DefaultWindow.
	Window time.Duration
	// FirstProbe is the time until one call is let through to probe whether Stripe responds again.
	// It doubles with each failed probe, up to MaxProbe. 0 means DefaultFirstProbe and
	// DefaultMaxProbe.
	FirstProbe, MaxProbe time.Duration
	// Changed is called with each new state and, when the breaker opens, with how long it stays
	// open; may be nil. It must not call the breaker.
	Changed func(to BreakerState, wait time.Duration)
}

// BreakerState is the state of a breaker.
type BreakerState string

const (
	// BreakerClosed: calls are sent.
	BreakerClosed BreakerState = "closed"
	// BreakerOpen: no call is sent.
	BreakerOpen BreakerState = "open"
	// BreakerHalfOpen: one call at a time is sent, and the first response closes the breaker.
	BreakerHalfOpen BreakerState = "half_open"
)

// The evidence of a call that does not show that Stripe is up.
var (
	errOutage     = errors.New("no answer")
	errNoEvidence = errors.New("nothing is known")
)

// Breaker stops calls while Stripe does not respond, so that charges can wait instead of failing
// one by one. Its state is local to this process: other processes detect an outage on their own, at
// the cost of a few calls. A nil Breaker lets everything through. It is safe for concurrent use.
type Breaker struct {
	cfg   BreakerConfig
	steps *gobreaker.TwoStepCircuitBreaker[struct{}]
	clock clock.Clock

	mu      sync.Mutex
	opened  int       // how often in a row, without a response in between
	probeAt time.Time // when the next probe may be made
}

// NewBreaker returns a closed breaker.
func NewBreaker(c BreakerConfig) *Breaker {
	c = c.withDefaults()
	b := &Breaker{cfg: c}
	b.steps = gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
		Interval:      c.Window,
		Timeout:       c.FirstProbe / 2, // the library's wait is constant; probeAt, which doubles, must be the later one
		ReadyToTrip:   func(n gobreaker.Counts) bool { return n.ConsecutiveFailures >= c.Failures },
		IsExcluded:    func(err error) bool { return errors.Is(err, errNoEvidence) },
		OnStateChange: func(_ string, _, to gobreaker.State) { b.changed(to) },
	})
	return b
}

func (c BreakerConfig) withDefaults() BreakerConfig {
	if c.Failures == 0 {
		c.Failures = DefaultFailures
	}
	if c.Window <= 0 {
		c.Window = DefaultWindow
	}
	if c.FirstProbe <= 0 {
		c.FirstProbe = DefaultFirstProbe
	}
	if c.MaxProbe <= 0 {
		c.MaxProbe = DefaultMaxProbe
	}
	c.MaxProbe = max(c.MaxProbe, c.FirstProbe)
	return c
}

// State returns the current state, for readiness and metrics.
func (b *Breaker) State() BreakerState {
	if b == nil {
		return BreakerClosed
	}
	if b.parkedFor() > 0 {
		return BreakerOpen
	}
	return stateOf(b.steps.State())
}

func stateOf(s gobreaker.State) BreakerState {
	switch s {
	case gobreaker.StateOpen:
		return BreakerOpen
	case gobreaker.StateHalfOpen:
		return BreakerHalfOpen
	case gobreaker.StateClosed:
	}
	return BreakerClosed
}

// parkedFor returns the real time until a call may be tried; 0 when it may be tried now.
func (b *Breaker) parkedFor() time.Duration {
	if b == nil {
		return 0
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return max(b.probeAt.Sub(b.clock.Wall()), 0)
}

// allow lets a call through. done must be called once: with nil when Stripe responded, errOutage
// when it did not, and errNoEvidence when the call shows neither. If the call is not allowed, done
// is nil, and wait is the time until the next try.
func (b *Breaker) allow() (done func(error), wait time.Duration) {
	if b == nil {
		return func(error) {}, 0
	}
	if wait := b.parkedFor(); wait > 0 {
		return nil, wait
	}
	done, err := b.steps.Allow()
	if err != nil { // another call is the probe
		return nil, b.cfg.FirstProbe
	}
	return done, 0
}

// changed is called under the library's lock.
func (b *Breaker) changed(to gobreaker.State) {
	b.mu.Lock()
	wait := time.Duration(0)
	switch to {
	case gobreaker.StateOpen:
		wait = b.cfg.MaxProbe
		if b.opened < 16 { // beyond that the doubled time is longer than any other
			wait = min(b.cfg.FirstProbe<<b.opened, b.cfg.MaxProbe)
		}
		b.opened++
		b.probeAt = b.clock.Wall().Add(wait)
	case gobreaker.StateClosed:
		b.opened, b.probeAt = 0, time.Time{}
	case gobreaker.StateHalfOpen:
	}
	b.mu.Unlock()
	if b.cfg.Changed != nil {
		b.cfg.Changed(stateOf(to), wait)
	}
}
