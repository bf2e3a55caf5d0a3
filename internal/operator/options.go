package operator

import (
	"cmp"
	"context"
	"errors"

	"tranche/internal/billing"
)

// Options are how the changes on a store are made.
type Options struct {
	// Rules are those of the settings: limits of amounts, and holidays. nil means Stripe's limits,
	// and that only weekends are not business days.
	Rules *billing.Rules
	// DryRun rolls every change back: the results and the errors are the real ones, and nothing is
	// stored.
	DryRun bool
	// Quiet does not notify the customer. The audit entries record that.
	Quiet bool
	// Request makes the next change only once for the request's key: the key is stored in the
	// transaction of the change, so that a copy of the request finds it, however late and at
	// whichever process it arrives. A refused change stores nothing. Errors of a change then include
	// *DoneError. nil means no key.
	Request *billing.Request
}

// With returns a store whose changes follow the options, added to those that the store has.
func With(s Store, o Options) Store {
	if has, ok := s.(withOptions); ok {
		s = has.Store
		o = Options{
			Rules: cmp.Or(o.Rules, has.options.Rules), DryRun: o.DryRun || has.options.DryRun,
			Quiet: o.Quiet || has.options.Quiet, Request: cmp.Or(o.Request, has.options.Request),
		}
	}
	return withOptions{s, o}
}

type withOptions struct {
	Store
	options Options
}

// optionsOf returns the options of a store; the zero value for a store without any.
func optionsOf(s Store) Options {
	has, _ := s.(withOptions)
	return has.options
}

// rules returns the rules that changes follow.
func (o Options) rules() billing.Rules {
	if o.Rules == nil {
		return billing.Rules{}
	}
	return *o.Rules
}

// Update runs fn as the options say.
func (w withOptions) Update(ctx context.Context, fn func(tx billing.Tx) error) error {
	if w.options.Request != nil {
		fn = once(ctx, *w.options.Request, fn)
	}
	if w.options.DryRun {
		return rehearse(ctx, w.Store, fn)
	}
	return w.Store.Update(ctx, fn)
}

// errRehearsed rolls back a dry run.
var errRehearsed = errors.New("rehearsed")

// rehearse runs fn and rolls back.
func rehearse(ctx context.Context, s Store, fn func(tx billing.Tx) error) error {
	err := s.Update(ctx, func(tx billing.Tx) error {
		if err := fn(tx); err != nil {
			return err
		}
		return errRehearsed
	})
	if errors.Is(err, errRehearsed) {
		return nil
	}
	return err
}

// once returns fn after the request's key. The key is written first: a concurrent copy of the
// request waits for it, and does not see a half-made change.
func once(ctx context.Context, request billing.Request, fn func(tx billing.Tx) error) func(tx billing.Tx) error {
	return func(tx billing.Tx) error {
		err := tx.InsertRequest(ctx, request)
		if errors.Is(err, billing.ErrExists) {
			return &DoneError{request}
		}
		if err != nil {
			return err
		}
		return fn(tx)
	}
}
