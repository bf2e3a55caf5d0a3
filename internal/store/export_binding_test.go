package store

import (
	"context"
	"time"

	"tranche/internal/billing"
)

// BindingStatements runs the statements that look for an object at Stripe.
func BindingStatements(ctx context.Context, in billing.Tx) {
	t, ok := in.(*tx)
	if !ok {
		panic("not a transaction of this package")
	}
	_, _ = t.Anchor(ctx, time.Unix(1, 0))
}
