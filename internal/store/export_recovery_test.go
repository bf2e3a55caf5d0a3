package store

import (
	"context"
	"time"

	"tranche/internal/billing"
)

// RecoveryStatements runs the statements of links and consents.
func RecoveryStatements(ctx context.Context, tx billing.Tx) {
	_, _ = tx.PayLink(ctx, "x")
	_, _ = tx.PayLinkByID(ctx, "x")
	_, _ = tx.PayLinks(ctx, "x")
	_ = tx.RevokePayLink(ctx, "none", time.Unix(1, 0))
	for _, f := range []billing.ConsentFilter{{Customer: "x"}, {Card: "x"}, {Charge: "x"}} {
		_, _ = tx.Consents(ctx, f)
	}
	_ = tx.BindConsent(ctx, "x", "y", "z")
}
