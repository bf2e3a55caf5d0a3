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
