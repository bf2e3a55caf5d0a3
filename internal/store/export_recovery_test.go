package store

import (
	"context"
	"time"

	"tranche/internal/billing"
)

// RecoveryStatements runs the statements of links, consents and card tries.
func RecoveryStatements(ctx context.Context, tx billing.Tx) {
	_, _ = tx.PayLink(ctx, "x")
	_, _ = tx.PayLinkByID(ctx, "x")
	_, _ = tx.PayLinks(ctx, "x")
	_ = tx.RevokePayLink(ctx, "none", time.Unix(1, 0))
	for _, f := range []billing.ConsentFilter{{Customer: "x"}, {Card: "x"}, {Charge: "x"}, {Intent: "x"}} {
		_, _ = tx.Consents(ctx, f)
	}
	for _, f := range []billing.CardTryFilter{{Charge: "x"}, {Link: "x"}, {Customer: "x"}, {Address: "x"}, {Intent: "x"}} {
		f.Kind, f.Since = billing.CardTryDeclined, time.Unix(1, 0)
		_, _ = tx.CountCardTries(ctx, f)
		_, _ = tx.LastCardTry(ctx, f)
	}
	_ = tx.BindConsent(ctx, "x", "y", "z")
}
