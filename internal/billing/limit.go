package billing

import "context"

// Lane sorts calls to Stripe by whether they change something: each lane has a rate of its own, so that a flood of
// look-ups holds up no charge.
type Lane string

const (
	// LaneRead is for calls that fetch (GET).
	LaneRead Lane = "read"
	// LaneWrite is for calls that change something (POST, DELETE).
	LaneWrite Lane = "write"
)

// Limiter keeps the calls of all processes together within what Stripe takes. It is safe for concurrent use.
type Limiter interface {
	// Wait returns when one call in the lane may be made. Errors: ErrUnavailable when its turn did not come in time;
	// ctx's own.
	Wait(ctx context.Context, lane Lane) error
	// Throttled tells that Stripe turned a call in the lane away because there were too many: all processes slow down.
	Throttled(ctx context.Context, lane Lane)
}
