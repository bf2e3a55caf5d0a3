package collect

import (
	"context"

	"tranche/internal/clock"
)

// step is what a due charge needs from Stripe next. It is decided under the plan's lock and carried
// out after the lock is released. Each kind of step is in a file of its own.
type step interface {
	// run calls Stripe and records what came of it. Once Stripe was called, the record is made even if
	// ctx is canceled meanwhile.
	run(ctx context.Context, co *Collector) error
}

// check is the check of a charge that a step follows from.
type check struct {
	at     clock.Instant // when the charge was checked, under the plan's lock
	looked bool          // Stripe was just asked and has no PaymentIntent of the charge
}
