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

// Under returns a store whose changes follow the rules of the settings: limits of amounts and
// holidays. On other stores, changes follow Stripe's limits, and only weekends are not business
// days.
func Under(s Store, rules billing.Rules) Store { return ruled{s, rules} }

type ruled struct {
	Store
	rules billing.Rules
}

func (r ruled) settled() billing.Rules { return r.rules }

func (r ruled) quiet() bool { return quietOf(r.Store) }

// rulesOf returns the rules of a store made by Under; the zero value for other stores.
func rulesOf(s Store) billing.Rules {
	if r, ok := s.(interface{ settled() billing.Rules }); ok {
		return r.settled()
	}
	return billing.Rules{}
}

// Store is the database, as this package needs it.
type Store interface {
	Charge(ctx context.Context, id billing.ChargeID) (billing.Charge, error)
	Update(ctx context.Context, fn func(tx billing.Tx) error) error
}
