package stripegw

import (
	"context"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"tranche/internal/billing"
)

// pass is leave to make one call: its turn at the limiter and the breaker's consent.
type pass struct {
	lane billing.Lane // in which the turn was
	done func(error)  // tells the breaker what the call showed
	used atomic.Bool
}

// passKey is the context key of a pass that was taken ahead of its call.
type passKey struct{}

// Admit waits for leave to make one call that changes something, so that whoever writes down what it is about to do can
// wait first and then call at once. The first call with the context it returns uses the leave up and waits for nothing.
// giveBack must be called at the end, whether a call was made or not; it is never nil. Errors: *billing.GatewayError of
// kind GatewayParked.
func (g *Gateway) Admit(ctx context.Context) (admitted context.Context, giveBack func(), err error) {
	p, err := g.admit(ctx, billing.LaneWrite, "charge")
	if err != nil {
		return ctx, func() {}, err
	}
	return context.WithValue(ctx, passKey{}, p), p.giveBack, nil
}

// giveBack returns the breaker's consent, if no call used it; the turn is lost.
func (p *pass) giveBack() {
	if p.used.CompareAndSwap(false, true) {
		p.done(errNoEvidence)
	}
}

// passFor is the leave for one call: the one taken ahead, or a new one.
func (g *Gateway) passFor(ctx context.Context, lane billing.Lane, op string) (*pass, error) {
	p, ok := ctx.Value(passKey{}).(*pass)
	if !ok || !p.used.CompareAndSwap(false, true) {
		return g.admit(ctx, lane, op)
	}
	if p.lane == lane {
		return p, nil
	}
	if err := g.takeTurn(ctx, lane, op); err != nil {
		p.done(errNoEvidence)
		return nil, err
	}
	return p, nil
}

// admit asks the breaker twice: before the wait, which would be for nothing, and after it, when the call is made at once
// and holds up no other probe.
func (g *Gateway) admit(ctx context.Context, lane billing.Lane, op string) (*pass, error) {
	if wait := g.breaker.parkedFor(); wait > 0 {
		return nil, outage(op, wait)
	}
	if err := g.takeTurn(ctx, lane, op); err != nil {
		return nil, err
	}
	done, wait := g.breaker.allow()
	if done == nil {
		return nil, outage(op, wait)
	}
	return &pass{lane: lane, done: done}, nil
}

// takeTurn waits for the limiter.
func (g *Gateway) takeTurn(ctx context.Context, lane billing.Lane, op string) error {
	if g.limiter == nil {
		return nil
	}
	if err := g.limiter.Wait(ctx, lane); err != nil {
		return parked(op, 0, fmt.Sprintf("not sent: %v", err))
	}
	return nil
}

func outage(op string, wait time.Duration) error {
	return parked(op, wait, "not sent: Stripe is not answering")
}

// parked is a call that was not made and may be made later.
func parked(op string, wait time.Duration, why string) error {
	return &billing.GatewayError{Op: op, Kind: billing.GatewayParked, RetryIn: wait, Failure: billing.Failure{Message: why}}
}

// laneOf sorts a call by its method.
func laneOf(method string) billing.Lane {
	if method == http.MethodGet {
		return billing.LaneRead
	}
	return billing.LaneWrite
}
