package cards

import (
	"tranche/internal/billing"
	"tranche/internal/planwork"
)

// Keeper saves cards at Stripe, makes plans charge them, and merges duplicates. It is safe for
// concurrent use.
type Keeper struct {
	*planwork.Work
	gateway billing.Gateway
}

// New returns a Keeper that changes plans by work and calls Stripe by gateway.
func New(work *planwork.Work, gateway billing.Gateway) *Keeper {
	return &Keeper{Work: work, gateway: gateway}
}
