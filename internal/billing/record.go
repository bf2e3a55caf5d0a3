package billing

import (
	"context"
	"time"
)

// EventHistory is how far back Stripe lists events. Source: docs.stripe.com/api/events/list.
const EventHistory = 30 * 24 * time.Hour

// MaxEventTypes is the highest number of event types that one request for a list takes.
const MaxEventTypes = 20

// RecordedPayment is a PaymentIntent in Stripe's record, with its refunds and disputes.
type RecordedPayment struct {
	PaymentIntent
	AmountRefunded int64 // minor units refunded of its latest charge
	Disputed       bool  // its latest charge was ever disputed; stays true after a dispute that was won
	// Dispute is the status of the newest dispute about it. Only Gateway.Payment sets it.
	Dispute DisputeStatus
}

// Record is Stripe's own record, read page by page. Only the current page is held in memory, and fn
// may use it until it returns. An error of fn ends the reading and is returned as it is; every
// other error is a *GatewayError. Pages come newest first, and a page may be empty.
type Record interface {
	// Events reads the events of the given types (MaxEventTypes at most) created at or after since,
	// scrubbed and in the form that ParseEvent returns for a webhook. Stripe lists no events older
	// than EventHistory.
	Events(ctx context.Context, since time.Time, types []string, fn func(page []Event) error) error
	// Payments reads the PaymentIntents created from from (inclusive) to to (exclusive), in whole
	// seconds.
	Payments(ctx context.Context, from, to time.Time, fn func(page []RecordedPayment) error) error
	// Payment reads one PaymentIntent. Errors: GatewayNotFound.
	Payment(ctx context.Context, paymentIntent string) (RecordedPayment, error)
}
