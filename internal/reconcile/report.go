package reconcile

import (
	"context"
	"slices"
	"time"

	"tranche/internal/billing"
)

// report repairs findings that can be repaired, counts all findings and calls Found.
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

// knownSecond reports whether a finding is about a known second payment: secondPayments reports it
// while its incident is open, and nothing reports it after that.
func (r *run) knownSecond(ctx context.Context, f Finding) (bool, error) {
	if f.repair != eventSucceeded {
		return false, nil
	}
	known, err := r.ledger.Incidents(ctx, billing.IncidentFilter{Kind: billing.IncidentPaidTwice, Subject: f.PaymentIntent, Limit: 1})
	return len(known) > 0, err
}

// inFlight reports whether the event that would repair the finding may still be on its way.
func (r *run) inFlight(f Finding, changed time.Time) bool {
	return f.repair != "" && changed.After(r.Now().Add(-r.Grace))
}

// found removes findings whose event may still be on its way, and adds the account to the others.
func (r *run) found(ctx context.Context, all []Finding, changed time.Time) []Finding {
	all = slices.DeleteFunc(all, func(f Finding) bool { return r.inFlight(f, changed) })
	for i := range all {
		all[i].Account = billing.AccountOf(ctx)
	}
	return all
}

// pageDone calls Page with the progress.
func (r *run) pageDone() {
	if r.Page != nil {
		r.Page(r.summary)
	}
}
