package collect

import (
	"context"
	"errors"
)

// ErrNotTakingPart is returned for a task that this process leaves to another process.
var ErrNotTakingPart = errors.New("this process takes no part")

// Permits are the checks that are made before a task acts. A nil check always passes.
type Permits struct {
	// TakePart returns why this process must not write anything: its clock is wrong.
	TakePart func(ctx context.Context) error
	// Act returns why nothing may be done for this database: it belongs to another Stripe account, or
	// the account is not known yet. Charges are then deferred with the reason, and all other rows are
	// left as they are.
	Act func(ctx context.Context) error
	// Charge returns why no charge may be made, although all other work may be done.
	Charge func(ctx context.Context) error
	// Suspect is called when Stripe knows neither the customer nor the card of a charge, which means
	// that the key belongs to another account. It may be nil.
	Suspect func()
	// OwnAccount asks Stripe again for the account of the key, and reports whether it is the
	// database's account. nil means that the account is not known.
	OwnAccount func(ctx context.Context) bool
}

// ask runs a check; a nil check passes.
func ask(ctx context.Context, question func(ctx context.Context) error) error {
	if question == nil {
		return nil
	}
	return question(ctx)
}

// NotTakingPart returns why this process must not write anything now, or nil. Errors:
// ErrNotTakingPart, joined with the reason.
func (p Permits) NotTakingPart(ctx context.Context) error {
	if err := ask(ctx, p.TakePart); err != nil {
		return errors.Join(ErrNotTakingPart, err)
	}
	return nil
}

// NotActing returns why nothing may be done for this database now, or nil. Errors: Act's.
func (p Permits) NotActing(ctx context.Context) error { return ask(ctx, p.Act) }

// forbidden returns why no charge may be made now, or nil.
func (p Permits) forbidden(ctx context.Context) error {
	if err := p.NotActing(ctx); err != nil {
		return err
	}
	return ask(ctx, p.Charge)
}
