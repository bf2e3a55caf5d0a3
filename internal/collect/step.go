package collect

import (
	"context"
	"time"

	"tranche/internal/billing"
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
	// afterLook decides the next step of a charge that Stripe has no PaymentIntent of, and carries it
	// out.
	afterLook func(ctx context.Context, row billing.Charge) error
}

// isDue reports whether the task with this lease may try the charge now.
func isDue(c billing.Charge, lease int64, now time.Time) bool {
	return c.Lease == lease && !c.NextAttemptAt.IsZero() && !c.NextAttemptAt.After(now)
}
