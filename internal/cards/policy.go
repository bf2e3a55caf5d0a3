package cards

import (
	"context"

	"tranche/internal/billing"
	"tranche/internal/followup"
	"tranche/internal/planwork"
)

// keepsTime reports whether the policy keeps a planned retry at its time after the customer gave a
// new card.
func keepsTime(ctx context.Context, t *planwork.Tx, d billing.Dunning) (bool, error) {
	policy, err := followup.PolicyOf(ctx, t, d)
	return !policy.RetryNewCard, err
}
