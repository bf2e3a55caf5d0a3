package billing

import "context"

// Bucket identifies a rate limit for calls to Stripe. Reads and writes have separate limits, so
// that many look-ups delay no charge.
type Bucket string

const (
	// ReadBucket limits calls that fetch (GET).
	ReadBucket Bucket = "read"
	// WriteBucket limits calls that change something (POST, DELETE).
	WriteBucket Bucket = "write"
)

// Limiter keeps the calls of all processes together within Stripe's rate limits. It is safe for
// concurrent use.
type Limiter interface {
	// Wait blocks until one call may be made. Errors: ErrUnavailable if the wait is too long; ctx's
	// own.
	Wait(ctx context.Context, bucket Bucket) error
	// Throttled records a 429 from Stripe, which slows down all processes.
	Throttled(ctx context.Context, bucket Bucket)
}
