package billing

import "context"

// Bucket names a rate limit for calls to Stripe. Reads and writes are limited apart, so that many
// look-ups hold up no charge.
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
	// Wait returns when one call may be made. Errors: ErrUnavailable if that took too long; ctx's
	// own.
	Wait(ctx context.Context, bucket Bucket) error
	// Throttled records that Stripe answered 429 to a call: all processes slow down.
	Throttled(ctx context.Context, bucket Bucket)
}
