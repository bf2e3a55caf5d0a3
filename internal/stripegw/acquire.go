package stripegw

import (
	"context"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"tranche/internal/billing"
)

// permit allows one call: it holds a token of the rate limiter and the breaker's approval.
type permit struct {
	bucket billing.Bucket // of the token
	done   func(error)    // reports the evidence of the call to the breaker
	used   atomic.Bool
}

// permitKey is the context key of a permit that was acquired before its call.
type permitKey struct{}

// Acquire waits for a permit for one call that changes something. A worker that records an attempt
// before the call waits here first, and then calls at once. The first call with the returned
// context uses the permit and does not wait. The caller must call release at the end, whether it
// made the call or not; release is never nil. Errors: *billing.GatewayError of kind GatewayParked.
func (g *Gateway) Acquire(ctx context.Context) (acquired context.Context, release func(), err error) {
	p, err := g.acquire(ctx, billing.WriteBucket, "charge")
	if err != nil {
		return ctx, func() {}, err
	}
	return context.WithValue(ctx, permitKey{}, p), p.release, nil
}

// release ends a permit that no call used. The token is not returned.
func (p *permit) release() {
	if p.used.CompareAndSwap(false, true) {
		p.done(errNoEvidence)
	}
}

// permitFor returns the permit for one call: the one in ctx, or a new one.
func (g *Gateway) permitFor(ctx context.Context, bucket billing.Bucket, op string) (*permit, error) {
	p, ok := ctx.Value(permitKey{}).(*permit)
	if !ok || !p.used.CompareAndSwap(false, true) {
		return g.acquire(ctx, bucket, op)
	}
	if p.bucket == bucket {
		return p, nil
	}
	if err := g.waitForToken(ctx, bucket, op); err != nil {
		p.done(errNoEvidence)
		return nil, err
	}
	return p, nil
}

// acquire checks the breaker twice: before the wait, which is pointless while the breaker is open,
// and after it, because the breaker may have opened meanwhile and a probe has to be sent at once.
func (g *Gateway) acquire(ctx context.Context, bucket billing.Bucket, op string) (*permit, error) {
	if wait := g.breaker.parkedFor(); wait > 0 {
		return nil, outage(op, wait)
	}
	if err := g.waitForToken(ctx, bucket, op); err != nil {
		return nil, err
	}
	done, wait := g.breaker.allow()
	if done == nil {
		return nil, outage(op, wait)
	}
	return &permit{bucket: bucket, done: done}, nil
}

// waitForToken waits until the rate limiter allows the call.
func (g *Gateway) waitForToken(ctx context.Context, bucket billing.Bucket, op string) error {
	if g.limiter == nil {
		return nil
	}
	if err := g.limiter.Wait(ctx, bucket); err != nil {
		return parked(op, 0, fmt.Sprintf("not sent: %v", err))
	}
	return nil
}

// outage returns the error of a call that the open breaker stopped.
func outage(op string, wait time.Duration) error {
	return parked(op, wait, "not sent: Stripe is not answering")
}

// parked returns the error of a call that was not sent and may be sent later.
func parked(op string, wait time.Duration, why string) error {
	return &billing.GatewayError{Op: op, Kind: billing.GatewayParked, RetryIn: wait, Failure: billing.Failure{Message: why}}
}

// bucketOf returns the rate limit's bucket for an HTTP method.
func bucketOf(method string) billing.Bucket {
	if method == http.MethodGet {
		return billing.ReadBucket
	}
	return billing.WriteBucket
}
