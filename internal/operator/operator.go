// Package operator carries out what the merchant's staff may do by hand: retry a charge, pause,
// resume or cancel a plan, and change what was agreed. Each operation is one transaction under the
// plan's lock. It therefore beats a task that is queued already: the worker makes its last check
// under the same lock.
package operator

import (
	"context"
	"errors"
	"time"

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

// Operator makes the changes that a person asks for. It may be used by several goroutines.
type Operator struct {
	store   Store
	clock   func() time.Time
	rules   billing.Rules
	options Options
}

// New returns an Operator whose changes are made at the time of the clock, and follow the rules of
// the settings: limits of amounts, and holidays. Without rules, Stripe's limits hold, and only
// weekends are not business days.
func New(s Store, clock func() time.Time, rules billing.Rules) *Operator {
	return &Operator{store: s, clock: clock, rules: rules}
}

// With returns a copy whose changes follow the options too, added to those that o has.
func (o *Operator) With(options Options) *Operator {
	with := *o
	with.options = o.options.add(options)
	return &with
}

// update runs fn in a transaction, at one time to the millisecond, as the options say. Every change
// opens its transaction here.
func (o *Operator) update(ctx context.Context, fn func(tx billing.Tx, now time.Time) error) error {
	now := o.clock().Truncate(time.Millisecond)
	err := o.store.Update(ctx, func(tx billing.Tx) error {
		if err := once(ctx, tx, o.options.Request); err != nil {
			return err
		}
		if err := fn(tx, now); err != nil {
			return err
		}
		if o.options.DryRun {
			return errRehearsed
		}
		return nil
	})
	if errors.Is(err, errRehearsed) {
		return nil
	}
	return err
}
