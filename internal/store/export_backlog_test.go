package store

import (
	"context"
	"time"

	"tranche/internal/billing"
)

// BacklogStatements runs the statements that look for what did not happen, and those that list
// charges.
func BacklogStatements(ctx context.Context, in billing.Tx) {
	t, ok := in.(*tx)
	if !ok {
		panic("not a transaction of this package")
	}
	at := time.Unix(1, 0)
	for _, kind := range billing.BacklogKinds() {
		_, _ = t.Backlog(ctx, kind, at, at)
	}
	_, _ = t.IncidentBacklog(ctx)
	for _, status := range billing.OpenChargeStatuses() {
		_, _ = t.ListCharges(ctx, billing.ChargeFilter{Status: status})
	}
	for _, f := range []billing.ChargeFilter{{}, {Overdue: at}, {Before: "x"}} {
		_, _ = t.ListCharges(ctx, f)
	}
}
