package billing

import (
	"context"
	"time"
)

// EventHistory is how far back Stripe lists events. Source: docs.stripe.com/api/events/list.
const EventHistory = 30 * 24 * time.Hour

// MaxEventTypes is the most types of event that one list can be asked for.
const MaxEventTypes = 20

// RecordedPayment is a PaymentIntent as Stripe's record has it, with what became of its money
// since.
type RecordedPayment struct {
	PaymentIntent
	AmountRefunded int64 // minor units of its latest charge that were given back
	Disputed       bool  // its latest charge was disputed at some time; it stays so after a dispute that was won
	// Dispute is the state of the newest dispute about it. Only Gateway.Payment tells.
	Dispute DisputeStatus
}

// Record is Stripe's own record, read page by page: nothing is held in memory but the page at hand,
// which is the callee's until it returns. An error of fn ends the reading and is returned as it is;
// every other error is a *GatewayError. Pages come newest first, and a page may be empty.
type Record interface {
	// Events reads the events of the given types (MaxEventTypes at most) created at or after since,
	// each as ParseEvent of a webhook gives it, scrubbed. Stripe has none older than EventHistory.
	Events(ctx context.Context, since time.Time, types []string, fn func(page []Event) error) error
	// Payments reads the PaymentIntents created from from (inclusive) to to (exclusive), to the second.
	Payments(ctx context.Context, from, to time.Time, fn func(page []RecordedPayment) error) error
	// Payment reads one. Errors: GatewayNotFound.
	Payment(ctx context.Context, paymentIntent string) (RecordedPayment, error)
}
