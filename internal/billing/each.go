package billing

import (
	"context"
	"iter"
	"slices"
)

// PlanLister reads one page of plans. Reader and Tx implement it.
type PlanLister interface {
	// Plans lists plans, newest first, MaxPage at most.
	Plans(ctx context.Context, f PlanFilter) ([]Plan, error)
}

// EachPlan yields every plan that f selects, newest first, in any number. It reads pages after the
// id of the last plan. Ids never change, so a plan that changes meanwhile is neither skipped nor
// repeated. It stops after an error. It sets f.Before and f.Limit itself.
func EachPlan(ctx context.Context, r PlanLister, f PlanFilter) iter.Seq2[Plan, error] {
	return eachRow(func(last Plan) ([]Plan, error) {
		f.Before, f.Limit = last.ID, MaxPage
		return r.Plans(ctx, f)
	})
}

// NoticeLister reads one page of notices. Reader and Tx implement it.
type NoticeLister interface {
	// Notices lists notices, newest first, MaxPage at most.
	Notices(ctx context.Context, f NoticeFilter) ([]Notice, error)
}

// EachNotice yields every notice that f selects, as EachPlan does.
func EachNotice(ctx context.Context, r NoticeLister, f NoticeFilter) iter.Seq2[Notice, error] {
	return eachRow(func(last Notice) ([]Notice, error) {
		f.Before, f.Limit = last.ID, MaxPage
		return r.Notices(ctx, f)
	})
}

// EachConsent yields every consent that f selects, as EachPlan does.
func EachConsent(ctx context.Context, r ConsentReader, f ConsentFilter) iter.Seq2[Consent, error] {
	return eachRow(func(last Consent) ([]Consent, error) {
		f.Before, f.Limit = last.ID, MaxPage
		return r.Consents(ctx, f)
	})
}

// AuditLister reads one page of the audit trail. Reader and Tx implement it.
type AuditLister interface {
	// AuditTrail lists entries in the order of writing, MaxPage at most.
	AuditTrail(ctx context.Context, f AuditFilter) ([]AuditEntry, error)
}

// EachAuditEntry yields every entry that f selects after f.After, in the order of writing.
func EachAuditEntry(ctx context.Context, r AuditLister, f AuditFilter) iter.Seq2[AuditEntry, error] {
	return eachRow(func(last AuditEntry) ([]AuditEntry, error) {
		f.After, f.Limit = max(f.After, last.Seq), MaxPage
		return r.AuditTrail(ctx, f)
	})
}

// collect gathers what an iterator yields.
func collect[T any](rows iter.Seq2[T, error]) (all []T, err error) {
	for row, err := range rows {
		if err != nil {
			return all, err
		}
		all = append(all, row)
	}
	return all, nil
}

// eachRow yields the rows of a list, page by page. read returns the page after a row, and the first
// page for a zero row.
func eachRow[T any](read func(last T) ([]T, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var last T
		for {
			page, err := read(last)
			if err != nil {
				yield(last, err)
				return
			}
			for _, row := range page {
				if last = row; !yield(row, nil) {
					return
				}
			}
			if len(page) < MaxPage {
				return
			}
		}
	}
}

// Open reports whether a plan in this status may still charge something, now or after it is resumed
// or restarted.
func (s PlanStatus) Open() bool { return s != PlanCompleted && s != PlanCanceled }

// OpenPlans lists every plan of the customer that may still charge something, oldest first. Plans
// are locked in this order. Errors: ErrUnavailable.
func OpenPlans(ctx context.Context, r PlanLister, customer CustomerID) ([]Plan, error) {
	var open []Plan
	for p, err := range EachPlan(ctx, r, PlanFilter{Customer: customer}) {
		if err != nil {
			return nil, err
		}
		if p.Status.Open() {
			open = append(open, p)
		}
	}
	slices.Reverse(open)
	return open, nil
}
