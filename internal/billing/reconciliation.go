package billing

import (
	"context"
	"time"
)

// Ledger is the database's side of the comparison with Stripe's Record.
type Ledger interface {
	Inbox

	// Event finds one event of the inbox. Errors: ErrNotFound.
	Event(ctx context.Context, id string) (Event, error)
	// KnownEvents returns the ids that are in the inbox, sorted.
	KnownEvents(ctx context.Context, ids ...string) ([]string, error)

	// PlanAccounts lists the connected accounts (acct_…) of all plans, sorted.
	PlanAccounts(ctx context.Context) ([]string, error)
	// ChargeAccounts returns the connected account of each charge whose plan has one.
	ChargeAccounts(ctx context.Context, ids ...ChargeID) (map[ChargeID]string, error)

	// Charges lists the charges with the given ids, sorted by id.
	Charges(ctx context.Context, ids ...ChargeID) ([]Charge, error)
	// ChargesByPaymentIntents lists the charges whose current PaymentIntent is one of the given
	// ones, sorted by id.
	ChargesByPaymentIntents(ctx context.Context, paymentIntents ...string) ([]Charge, error)

	// CountPayments counts the charges with a PaymentIntent that are due from from (inclusive) to
	// to (exclusive).
	CountPayments(ctx context.Context, from, to time.Time) (int64, error)
	// UnreconciledCharges returns a page of the charges in a window that Stripe's record should
	// contain, by due time.
	UnreconciledCharges(ctx context.Context, f UnreconciledFilter) ([]Charge, error)
	// Incidents lists incidents, newest first.
	Incidents(ctx context.Context, f IncidentFilter) ([]Incident, error)
	// MarkReconciled records that the charges were compared in the run that began at run. A later
	// mark is kept.
	MarkReconciled(ctx context.Context, run time.Time, ids ...ChargeID) error
}

// UnreconciledFilter selects charges that have a PaymentIntent or are recorded as paid, and were
// not compared since Run. The window contains charges that fell due or were paid in it, and charges
// that were due up to Reach before it and are still being collected.
type UnreconciledFilter struct {
	From, To time.Time // the window; To is exclusive
	Reach    time.Duration
	Run      time.Time // when the run began
	After    Charge    // the last charge of the previous page: the cursor; zero for the first page
	Limit    int       // MaxPage at most
}

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
