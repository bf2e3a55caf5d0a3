package planwork

import (
	"context"
	"math/rand/v2"
	"time"
)

const (
	firstBackoff = 2 * time.Second
	maxBackoff   = 10 * time.Minute
)

// Backoff returns when to try again after a failure that the customer did not cause. The wait is
// real time and doubles with each try. Jitter keeps tasks that failed together from coming back
// together. tries counts from 1.
func (w *Work) Backoff(tries int) time.Time {
	wait := maxBackoff
	if tries < 10 { // 2 s doubled nine times is more than ten minutes
		wait = min(firstBackoff<<max(tries-1, 0), maxBackoff)
	}
	return w.Clock.Now().Add(w.Clock.Simulated(WithJitter(wait)))
}

// WithJitter lengthens a duration by up to a quarter.
func WithJitter(d time.Duration) time.Duration {
	return d + time.Duration(rand.Int64N(int64(d)/4+1)) //nolint:gosec // jitter is no secret
}

// recordTimeout bounds the write of an outcome, so that an unresponsive database does not block the
// worker indefinitely.
const recordTimeout = 15 * time.Second

// Recording returns the context for writing an outcome. It outlives the task, which may be canceled
// meanwhile.
func (w *Work) Recording(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
}
