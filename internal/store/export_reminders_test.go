package store

import (
	"context"
	"time"

	"tranche/internal/billing"
)

// ReminderStatements runs the statements that find the charges, cards and plans which need a
// notice.
func ReminderStatements(ctx context.Context, in billing.Tx) {
	t, ok := in.(*tx)
	if !ok {
		panic("not a transaction of this package")
	}
	at := time.Unix(1, 0)
	_, _ = t.UpcomingCharges(ctx, billing.DueCharge{DueAt: at, ID: "x"}, at, time.Hour, 100)
	_, _ = t.ExpiringCards(ctx, 2026, time.April, "x", 100)
	_, _ = t.OpenCheckouts(ctx, "x", 100)
}
