package cards

import (
	"context"

	"tranche/internal/billing"
	"tranche/internal/planwork"
)

// Renewed reports whether the network updated the date or number of the card that was before.
// Source: docs.stripe.com/payments/save-and-reuse, "Automatic card updates".
func Renewed(before billing.Card, pm billing.PaymentMethod) bool {
	return before.Status == billing.CardActive && pm.Customer != "" &&
		(before.ExpYear != pm.ExpYear || before.ExpMonth != pm.ExpMonth || before.Fingerprint != pm.Fingerprint || before.Last4 != pm.Last4)
}

// TryRenewed tries the charges that waited for corrected card details, in every plan that charges
// the card, because the network has renewed the details. Errors: billing.ErrConflict;
// billing.ErrUnavailable.
func (k *Keeper) TryRenewed(ctx context.Context, card billing.Card) error {
	for p, err := range billing.EachPlan(ctx, k.Store, billing.PlanFilter{Customer: card.CustomerID}) {
		if err != nil {
			return err
		}
		if p.CardID != card.ID || !p.Status.Open() {
			continue
		}
		if err := k.Do(ctx, p.ID, func(t *planwork.Tx) error { return tryRenewedCard(ctx, t, card.ID) }); err != nil {
			return err
		}
	}
	return nil
}

// tryRenewedCard tries the waiting charges of one plan, unless the plan has another card by now.
func tryRenewedCard(ctx context.Context, t *planwork.Tx, card billing.CardID) error {
	if t.Plan.CardID != card {
		return nil
	}
	_, err := t.TryCard(ctx, billing.NewCard{
		Actor: billing.ActorStripe, Why: "the network renewed the card's details", Now: t.Now, WaitingOnly: true,
	})
	return err
}
