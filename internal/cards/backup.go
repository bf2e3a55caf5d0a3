package cards

import (
	"context"
	"errors"
	"fmt"

	"tranche/internal/billing"
	"tranche/internal/planwork"
)

// PromoteBackup makes the card that paid the plan's card, if it is the backup card that dunning
// chose for the charge: the plan's own card had failed. Any other card that an attempt by Tranche
// paid with was the plan's card when the attempt began. It may have been replaced since, so it is
// not restored. Errors: billing.ErrUnavailable.
func PromoteBackup(ctx context.Context, t *planwork.Tx, c *billing.Charge, paymentMethod string) error {
	follow, err := t.Dunning(ctx, c.ID)
	if errors.Is(err, billing.ErrNotFound) || err == nil && follow.CardID == "" {
		return nil
	}
	if err != nil {
		return err
	}
	card, err := t.Card(ctx, follow.CardID)
	if err != nil || card.PaymentMethod != paymentMethod || card.ID == t.Plan.CardID || card.CustomerID != t.Plan.CustomerID || !card.Chargeable() {
		return err
	}
	t.Plan.CardID = card.ID
	t.AuditCard(card, "card.moved", fmt.Sprintf("%s paid instead of the plan's card, and is charged from now on", card.Label()))
	return nil
}
