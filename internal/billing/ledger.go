package billing

import (
	"context"
	"time"
)

// Ledger is our side of what is compared with Stripe's Record.
type Ledger interface {
	Inbox

	// Event finds one event of the inbox. Errors: ErrNotFound.
	Event(ctx context.Context, id string) (Event, error)
	// KnownEvents returns those of the ids that are in the inbox, by id.
	KnownEvents(ctx context.Context, ids ...string) ([]string, error)

	// PlanAccounts lists the connected accounts (acct_…) that plans name, in order.
	PlanAccounts(ctx context.Context) ([]string, error)
	// ChargeAccounts gives the connected account of each charge whose plan names one.
	ChargeAccounts(ctx context.Context, ids ...ChargeID) (map[ChargeID]string, error)

	// Charges lists the charges with the given ids, by id.
	Charges(ctx context.Context, ids ...ChargeID) ([]Charge, error)
	// ChargesByPaymentIntents lists the charges that have one of the PaymentIntents now, by id.
	ChargesByPaymentIntents(ctx context.Context, paymentIntents ...string) ([]Charge, error)

	// CountPayments is how many charges due from from to to (exclusive) have a PaymentIntent.
	CountPayments(ctx context.Context, from, to time.Time) (int64, error)
	// UnreconciledCharges pages through the charges of a window that Stripe's record should know,
	// by due time.
	UnreconciledCharges(ctx context.Context, f UnreconciledFilter) ([]Charge, error)
	// Incidents lists incidents, newest first.
	Incidents(ctx context.Context, f IncidentFilter) ([]Incident, error)
	// MarkReconciled notes that the charges were compared in the run that began at run; a later
	// mark stays.
	MarkReconciled(ctx context.Context, run time.Time, ids ...ChargeID) error
}

// UnreconciledFilter selects charges that have a PaymentIntent or claim to be paid, and were not
// compared since Run. In the window are those that fell due in it, were paid in it, or were due up
// to Reach before it and are still being collected.
type UnreconciledFilter struct {
	From, To time.Time // the window; To is exclusive
	Reach    time.Duration
	Run      time.Time // when the run began
	After    Charge    // the last one of the page before: the cursor; zero for the first page
	Limit    int       // MaxPage at most
}
