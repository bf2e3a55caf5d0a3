package billing

import (
	"context"
	"iter"
	"slices"
	"time"
)

// MaxPage is the most rows a list returns at once. A limit of 0, or above it, means MaxPage.
const MaxPage = 500

// PlanFilter selects plans. Zero fields select all.
type PlanFilter struct {
	Status   PlanStatus
	Customer CustomerID
	Before   PlanID // older than this one: the cursor
	Limit    int
}

// CustomerFilter selects customers. Zero fields select all.
type CustomerFilter struct {
	StripeCustomer string
	Before         CustomerID // older than this one: the cursor
	Limit          int
}

// NoticeFilter selects notices. Zero fields select all.
type NoticeFilter struct {
	Plan   PlanID
	Charge ChargeID
	Status NoticeStatus
	Before NoticeID // older than this one: the cursor
	Limit  int
}

// EventFilter selects events. Zero fields select all.
type EventFilter struct {
	Status EventStatus
	Type   string
	Before time.Time // received before this time: the cursor
	Limit  int
}

// AuditFilter selects audit entries. Zero fields select all.
type AuditFilter struct {
	Plan    PlanID
	Actor   Actor
	Subject string
	After   int64 // entries with a higher Seq
	Before  int64 // entries with a lower Seq; 0 means all
	// NewestFirst lists entries in the reverse order of writing.
	NewestFirst bool
	Limit       int
}

// ChargeFilter selects charges for a list. Zero fields select all.
type ChargeFilter struct {
	// Status is one of OpenChargeStatuses. The list then starts with the earliest due charge.
	Status ChargeStatus
	// Overdue selects charges whose attempt was due at or before this time, earliest first. It
	// can't be combined with Status.
	Overdue time.Time
	// Before selects charges created before this one: the cursor of a list without Status and
	// Overdue, which starts with the newest charge.
	Before ChargeID
	Limit  int
}

// OpenChargeStatuses are the statuses of charges that may still be paid.
func OpenChargeStatuses() []ChargeStatus {
	return []ChargeStatus{
		ChargeScheduled, ChargeCollecting, ChargeRetrying, ChargeRequiresAction, ChargeRequiresPaymentMethod, ChargeFailed,
	}
}

// ChargeLister lists the charges of all plans.
type ChargeLister interface {
	// ListCharges lists the charges that f selects.
	ListCharges(ctx context.Context, f ChargeFilter) ([]Charge, error)
}

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

// WholeTrail reads all audit entries of a plan, in the order of writing.
func WholeTrail(ctx context.Context, r Reader, plan PlanID) ([]AuditEntry, error) {
	return collect(EachAuditEntry(ctx, r, AuditFilter{Plan: plan}))
}

// AllConsents reads all consents that f selects, newest first.
func AllConsents(ctx context.Context, r ConsentReader, f ConsentFilter) ([]Consent, error) {
	return collect(EachConsent(ctx, r, f))
}
