// Package operator carries out what the merchant's staff may do by hand: retry a charge, pause,
// resume or cancel a plan, and change what was agreed. Each operation is one transaction under the
// plan's lock. It therefore beats a task that is queued already: the worker makes its last check
// under the same lock.
package operator

import (
	"context"

	"tranche/internal/billing"
)

// RefusedError reports that the state of a plan or charge forbids an operation, or makes it
// pointless. Nothing was changed.
type RefusedError struct {
	What string // what was not done
	Why  string
}

// Error joins both fields.
func (e *RefusedError) Error() string { return e.What + ": " + e.Why }

// Store is the database, as this package needs it.
type Store interface {
	Charge(ctx context.Context, id billing.ChargeID) (billing.Charge, error)
	Update(ctx context.Context, fn func(tx billing.Tx) error) error
}
