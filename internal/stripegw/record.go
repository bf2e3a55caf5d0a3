package stripegw

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"tranche/internal/billing"
)

// DefaultReadPause is the pause before the first retry of a page.
const DefaultReadPause = 500 * time.Millisecond

const (
	// readTries is how often a page is tried: one lost response must not fail a list of a thousand
	// pages.
	readTries = 4
	// maxRecordPages bounds a list: ten million objects.
	maxRecordPages = 100_000
)

// Record is Stripe's own record, read through a gateway. Unlike the gateway's own calls, reads are
// retried, because they change nothing. It is safe for concurrent use.
type Record struct {
	gateway *Gateway
	pause   time.Duration
}

var _ billing.Record = (*Record)(nil)

// NewRecord returns a record that reads through g. pause is the real time before the first retry of
// a page; it doubles each time. 0 means DefaultReadPause.
func NewRecord(g *Gateway, pause time.Duration) *Record {
	if pause <= 0 {
		pause = DefaultReadPause
	}
	return &Record{gateway: g, pause: pause}
}

// patiently retries a read that fails for a temporary reason, up to readTries tries.
func (r *Record) patiently(ctx context.Context, read func() error) error {
	pause := r.pause
	for try := 1; ; try++ {
		err := read()
		if err == nil || try == readTries || ctx.Err() != nil || !errors.Is(err, billing.ErrUnavailable) {
			return err
		}
		timer := time.NewTimer(pause + rand.N(pause/2+1)) //nolint:gosec // jitter is no secret
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return err
		}
		pause *= 2
	}
}

// onePage reads the page after a cursor (empty: the first page) and passes it on. It returns the
// next cursor, empty after the last page.
type onePage func(ctx context.Context, after string) (next string, err error)

// pages reads all pages. It returns an error if the list never ends.
func (r *Record) pages(ctx context.Context, op string, read onePage) error {
	after := ""
	for range maxRecordPages {
		next, err := read(ctx, after)
		if err != nil || next == "" {
			return err
		}
		if next == after {
			break
		}
		after = next
	}
	return unreadable(op, &answer{}, "the list does not end")
}
