package billing

import (
	"context"
	"time"
)

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
