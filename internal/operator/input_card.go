package operator

import (
	"context"

	"tranche/internal/billing"
)

// CardOptions is what the operations on one card take besides its id.
type CardOptions struct {
	Note string         `json:"note"` // for a release: who agreed
	To   billing.CardID `json:"to"`   // for a removal: the replacement card
}

// CardFunc makes a change of one card, which is named by our id or Stripe's. Errors: see
// Operator.OrderCards.
type CardFunc func(ctx context.Context, o *Operator, id billing.CardID, in CardOptions) (CardChange, error)

func makeDefault(ctx context.Context, o *Operator, id billing.CardID, _ CardOptions) (CardChange, error) {
	return o.DefaultCard(ctx, id)
}

func release(ctx context.Context, o *Operator, id billing.CardID, in CardOptions) (CardChange, error) {
	return o.ReleaseCard(ctx, id, in.Note)
}

func remove(ctx context.Context, o *Operator, id billing.CardID, in CardOptions) (CardChange, error) {
	return o.RemoveCard(ctx, id, in.To)
}
