package operator

import (
	"context"
	"errors"

	"tranche/internal/billing"
)

// DoneError reports that a change was made before under the Idempotency-Key of this request.
// Nothing was done this time.
type DoneError struct{ Request billing.Request }

// Error does not repeat the key, which is the merchant's own text.
func (*DoneError) Error() string { return "a change was made under this Idempotency-Key before" }

// Once returns a store that makes the next change only once for the request's key: the key is
// stored in the transaction of the change, so that a copy of the request finds it, however late and
// at whichever process it arrives. A refused change stores nothing. Errors of a change then include
// *DoneError.
func Once(s Store, request billing.Request) Store { return once{s, request} }

type once struct {
	Store
	request billing.Request
}

func (o once) settled() billing.Rules { return rulesOf(o.Store) }

func (o once) quiet() bool { return quietOf(o.Store) }

// Update writes the key first: a concurrent copy of the request waits for it, and does not see a
// half-made change.
func (o once) Update(ctx context.Context, fn func(tx billing.Tx) error) error {
	return o.Store.Update(ctx, func(tx billing.Tx) error {
		err := tx.InsertRequest(ctx, o.request)
		if errors.Is(err, billing.ErrExists) {
			return &DoneError{o.request}
		}
		if err != nil {
			return err
		}
		return fn(tx)
	})
}
