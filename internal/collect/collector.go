package collect

import (
	"context"

	"tranche/internal/billing"
	"tranche/internal/planwork"
)

// Config holds what a Collector needs besides the unit of work.
type Config struct {
	Gateway billing.Gateway
	Permits
	// Acquire waits for a permit for one call that changes something at Stripe: a token of the rate
	// limit, and the circuit breaker. It returns the context to call with, and a function that releases
	// an unused permit. nil means that no permit is needed. The collector calls Acquire before it
	// writes an attempt, while it holds no lock. If Acquire fails, the charge is deferred and no
	// attempt is spent.
	Acquire func(ctx context.Context) (acquired context.Context, release func(), err error)
	// Note reports a committed attempt to a record outside the database, before Stripe is called. It
	// may be nil.
	Note func(ctx context.Context, id billing.AttemptID)
	// Recorded is called with the outcome of each call for a charge, once the outcome is written. It
	// may be nil.
	Recorded func(outcome billing.Outcome)
}

// Collector charges saved cards, and makes the refunds and cancellations of charges that have
// ended. It is safe for concurrent use.
type Collector struct {
	*planwork.Work
	Config
}

// New returns a Collector that changes plans by work.
func New(work *planwork.Work, c Config) *Collector { return &Collector{Work: work, Config: c} }
