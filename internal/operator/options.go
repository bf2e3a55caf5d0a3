package operator

import (
	"cmp"
	"context"
	"errors"

	"tranche/internal/billing"
)

// Options are how an Operator makes its changes.
type Options struct {
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

// add returns both options together.
func (o Options) add(more Options) Options {
	return Options{DryRun: o.DryRun || more.DryRun, Quiet: o.Quiet || more.Quiet, Request: cmp.Or(more.Request, o.Request)}
}

// errRehearsed rolls back a dry run.
var errRehearsed = errors.New("rehearsed")

// once stores the request's key, and refuses if it is stored already. It runs before the change: a
// concurrent copy of the request waits for the key, and does not see a half-made change. Errors:
// *DoneError.
func once(ctx context.Context, tx billing.Tx, request *billing.Request) error {
	if request == nil {
		return nil
	}
	err := tx.InsertRequest(ctx, *request)
	if errors.Is(err, billing.ErrExists) {
		return &DoneError{*request}
	}
	return err
}

// DoneError reports that a change was made before under the Idempotency-Key of this request.
// Nothing was done this time.
type DoneError struct{ Request billing.Request }

// Error does not repeat the key, which is the merchant's own text.
func (*DoneError) Error() string { return "a change was made under this Idempotency-Key before" }
