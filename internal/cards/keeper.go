package cards

import (
	"tranche/internal/billing"
	"tranche/internal/planwork"
)

// Keeper saves cards and makes plans charge them. It is safe for concurrent use.
type Keeper struct {
	*planwork.Work
	gateway billing.Gateway
}

// New returns a Keeper that changes plans by work and calls Stripe by gateway.
func New(work *planwork.Work, gateway billing.Gateway) *Keeper {
	return &Keeper{Work: work, gateway: gateway}
}
