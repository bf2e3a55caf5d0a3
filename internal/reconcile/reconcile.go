// Package reconcile compares our charges with Stripe's own record, in both directions, page by
// page. Differences that are safe to repair are repaired by the event that should have arrived: it
// is added to the inbox, and its handler fetches the object again. The package never writes a
// charge's state itself.
package reconcile

import (
	"context"
	"fmt"
	"time"

	"tranche/internal/billing"
	"tranche/internal/clock"
)

const (
	// DefaultDays is the window of the scheduled run, in days: daily runs compare each payment three
	// times.
	DefaultDays = 3
	// DefaultGrace is the time, on the clock, within which a change should have reached us.
	DefaultGrace = 10 * time.Minute
	// reach is how long before the window a charge may have fallen due and still be collected: longer
	// than any retries last.
	reach = 60 * 24 * time.Hour
)

// realGrace is the real time within which an event usually arrives and is handled.
const realGrace = 5 * time.Second

// Grace returns the Options.Grace that suits a clock.
func Grace(c clock.Clock) time.Duration { return max(DefaultGrace, c.Simulated(realGrace)) }

// Options selects what to compare. From, To and Now are required.
type Options struct {
	From, To time.Time // the window; To is exclusive
	Now      func() time.Time
	// Grace is how long a charge must have been unchanged before a repairable difference counts: its
	// event may be on its way. 0 means DefaultGrace; a fast clock needs more.
	Grace  time.Duration
	DryRun bool                   // repair nothing
	Found  func(f Finding) error  // called with each finding; may be nil
	Page   func(progress Summary) // called after each page; may be nil
}

// Summary counts what was compared and found.
type Summary struct {
	PaymentIntents int `json:"payment_intents"` // in Stripe's list
	Charges        int `json:"charges"`         // of ours that were compared
	Findings       int `json:"findings"`
	Queued         int `json:"queued"` // repairs that were queued
	Left           int `json:"left"`   // findings that are not repaired; in a dry run, all of them
	// Refused lists the connected accounts that Stripe gives no access to: they were not compared.
	Refused []string `json:"refused_accounts,omitempty"`
}

// Run compares the window. First it pages through Stripe's PaymentIntents in the window, looks up
// the charges of a page together, and marks them as compared. It does this for our own account and
// for every connected account that a plan names. Then it pages through our charges in the window
// that have no mark, and fetches the PaymentIntent of each. It may run at any time, and any number
// of times at once.
//
// Errors: *billing.GatewayError, billing.ErrUnavailable, or Found's own. The summary then counts
// what was done so far.
func Run(ctx context.Context, record billing.Record, ledger billing.Ledger, o Options) (Summary, error) {
	if o.Grace == 0 {
		o.Grace = DefaultGrace
	}
	r := &run{Options: o, record: record, ledger: ledger, began: o.Now()}
	accounts, err := ledger.PlanAccounts(ctx)
	if err != nil {
		return r.summary, err
	}
	r.connected = len(accounts) > 0
	r.summary.Refused, err = billing.EachAccount(ctx, accounts, func(ctx context.Context) error {
		return record.Payments(ctx, o.From, o.To, func(page []billing.RecordedPayment) error { return r.listed(ctx, page) })
	})
	if err != nil {
		return r.summary, fmt.Errorf("compare Stripe's PaymentIntents: %w", err)
	}
	if err := r.unlisted(ctx); err != nil {
		return r.summary, fmt.Errorf("compare our charges: %w", err)
	}
	if err := r.secondPayments(ctx); err != nil {
		return r.summary, fmt.Errorf("list second payments: %w", err)
	}
	return r.summary, nil
}

// run is one comparison.
type run struct {
	Options
	record  billing.Record
	ledger  billing.Ledger
	began   time.Time
	summary Summary

	connected bool // whether some plans name a connected account
}
