// Package reconcile compares our charges with Stripe's own record, in both directions, page by
// page. What is safe to repair is repaired the way it should have come: by an event in the inbox,
// whose handler fetches the object anew. It never writes a charge's state itself.
package reconcile

import (
	"context"
	"fmt"
	"time"

	"tranche/internal/billing"
	"tranche/internal/clock"
)

const (
	// DefaultDays is the window of the scheduled run, in days: daily runs look at each payment
	// three times.
	DefaultDays = 3
	// DefaultGrace is the time of the clock after which a change should have reached us.
	DefaultGrace = 10 * time.Minute
	// reach is how long before the window a charge may have fallen due that is still being
	// collected: longer than any retries last.
	reach = 60 * 24 * time.Hour
)

// realGrace is the real time that an event takes to arrive and be handled, at most, as a rule.
const realGrace = 5 * time.Second

// Grace is the Grace of Options that suits a clock.
func Grace(c clock.Clock) time.Duration { return max(DefaultGrace, c.Simulated(realGrace)) }

// Options say what to compare. From, To and Now are required.
type Options struct {
	From, To time.Time // the window; To is exclusive
	Now      func() time.Time
	// Grace is how long a charge must have been left alone before a repairable difference counts:
	// its event may be on its way. 0 means DefaultGrace; a fast clock wants more.
	Grace  time.Duration
	DryRun bool                   // repair nothing
	Found  func(f Finding) error  // called for each finding as it is made; may be nil
	Page   func(progress Summary) // called after each page; may be nil
}

// Summary is how much was compared and what came of it.
type Summary struct {
	PaymentIntents int `json:"payment_intents"` // in Stripe's list
	Charges        int `json:"charges"`         // of ours that were compared
	Findings       int `json:"findings"`
	Queued         int `json:"queued"` // repairs under way
	Left           int `json:"left"`   // findings that nobody repairs, and in a dry run all of them
	// Refused are the connected accounts that Stripe gives no access to (any more): nothing of them
	// was compared.
	Refused []string `json:"refused_accounts,omitempty"`
}

// Run compares the window. First it reads the PaymentIntents that Stripe has of the window, looks
// the charges of each page up at once and marks those that agree; so it does for every connected
// account that a plan names. Then it pages through our charges of the window that have no mark, and
// fetches the PaymentIntent of each. It may run beside anything else, and any number of times.
//
// Errors: *billing.GatewayError, billing.ErrUnavailable, or Found's own. The summary holds what was
// done until then.
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

	connected bool // some plans name a connected account
}

// report repairs what can be repaired, counts the findings and hands them on.
func (r *run) report(ctx context.Context, findings []Finding) error {
	for _, f := range findings {
		second, err := r.knownSecond(ctx, f)
		if err != nil {
			return err
		}
		if second {
			continue
		}
		if f.repair != "" && !r.DryRun {
			if err := r.repair(ctx, &f); err != nil {
				return err
			}
		}
		r.summary.Findings++
		if f.Outcome == Queued {
			r.summary.Queued++
		} else {
			r.summary.Left++
		}
		if r.Found == nil {
			continue
		}
		if err := r.Found(f); err != nil {
			return err
		}
	}
	return nil
}

// inFlight leaves out what may only not have reached us yet.
func (r *run) inFlight(f Finding, changed time.Time) bool {
	return f.repair != "" && changed.After(r.Now().Add(-r.Grace))
}

// pageDone tells how far it has come.
func (r *run) pageDone() {
	if r.Page != nil {
		r.Page(r.summary)
	}
}
