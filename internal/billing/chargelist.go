package billing

import (
	"context"
	"time"
)

// ChargeFilter selects charges for a list. Zero fields select all.
type ChargeFilter struct {
	// Status is one of those that may still be paid: see OpenChargeStatuses. The list then begins
	// with what fell due first.
	Status ChargeStatus
	// Overdue selects those that should have been tried at or before this time, earliest first. It
	// goes without Status.
	Overdue time.Time
	// Before selects charges made before this one: the cursor of a list without Status and Overdue,
	// which begins with the newest.
	Before ChargeID
	Limit  int
}

// OpenChargeStatuses are the statuses of charges that may still be paid.
func OpenChargeStatuses() []ChargeStatus {
	return []ChargeStatus{
		ChargeScheduled, ChargeCollecting, ChargeRetrying, ChargeRequiresAction, ChargeRequiresPaymentMethod, ChargeFailed,
	}
}

// ChargeLister lists charges whatever plan they belong to.
type ChargeLister interface {
	// ListCharges lists charges.
	ListCharges(ctx context.Context, f ChargeFilter) ([]Charge, error)
}
