package store

import (
	"context"
	"time"

	"tranche/internal/billing"
)

// LedgerStatements runs the statements of periodic jobs and reconciliation that are not part of
// billing.Tx.
func LedgerStatements(ctx context.Context, in billing.Tx) {
	t, ok := in.(*tx)
	if !ok {
		panic("not a transaction of this package")
	}
	at := time.Unix(1, 0)
	_, _ = t.KnownEvents(ctx, "x", "y", "z")
	_, _ = t.PlanAccounts(ctx)
	_, _ = t.ChargeAccounts(ctx, "x", "y", "z")
	_, _ = t.Charges(ctx, "x", "y", "z")
	_, _ = t.ChargesByPaymentIntents(ctx, "x", "y", "z")
	_, _ = t.CountPayments(ctx, at, at)
	_, _ = t.UnreconciledCharges(ctx, billing.UnreconciledFilter{From: at, To: at, Run: at})
	_ = markReconciled(ctx, t.conn, at, []billing.ChargeID{"x", "y", "z"})
}
