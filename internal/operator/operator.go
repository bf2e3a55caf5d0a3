// Package operator does what a person at the merchant's may do by hand: try a charge again, pause,
// resume or cancel a plan, and change what was agreed. Each is one transaction under the plan's
// lock, so that it beats a task that is queued already: the worker takes its last look under the
// same lock.
package operator

import (
	"context"

	"tranche/internal/billing"
)

// RefusedError: the state of a plan or charge forbids what was asked for, or makes it pointless.
// Nothing was changed.
type RefusedError struct {
	What string // what is not done
	Why  string
}

// Error says why.
func (e *RefusedError) Error() string { return e.What + ": " + e.Why }

// Under gives a store on which changes keep to the rules of the settings: limits of amounts,
// holidays. On a store without them changes keep to Stripe's limits, and know weekends alone.
func Under(s Store, rules billing.Rules) Store { return ruled{s, rules} }

type ruled struct {
	Store
	rules billing.Rules
}

func (r ruled) settled() billing.Rules { return r.rules }

func (r ruled) quiet() bool { return quietOf(r.Store) }

// rulesOf are the rules that a store comes with.
func rulesOf(s Store) billing.Rules {
	if r, ok := s.(interface{ settled() billing.Rules }); ok {
		return r.settled()
	}
	return billing.Rules{}
}

// Store is the database, as far as it is needed here.
type Store interface {
	Charge(ctx context.Context, id billing.ChargeID) (billing.Charge, error)
	Update(ctx context.Context, fn func(tx billing.Tx) error) error
}
