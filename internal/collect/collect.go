package collect

import (
	"context"
	"errors"

	"tranche/internal/billing"
	"tranche/internal/planwork"
)

// Collect charges the saved card for the charge id: it writes the attempt, calls Stripe, and
// records the outcome. An open attempt, whose outcome is unknown, is resumed before anything new is
// sent. For a charge that has ended, Collect makes the refund or cancellation that it still needs.
// It waits for its permit first, so that Stripe is called immediately after the final check under
// the plan's lock. A task with an older lease does nothing. A decline, or a charge that is
// deferred, is no error. Errors: ErrNotTakingPart; billing.ErrConflict; billing.ErrUnavailable.
func (co *Collector) Collect(ctx context.Context, id string, lease int64) error {
	row, due, err := co.dueCharge(ctx, id, lease)
	if err != nil || !due { // a stale task uses no permit
		return err
	}
	admitted, release, forbidden := co.permit(ctx)
	defer release()
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := co.NotTakingPart(ctx); err != nil { // the clock may have been set during the wait
		return err
	}
	return co.advance(admitted, row, forbidden, false)
}

// advance decides the next step of a charge and carries it out. forbidden is the reason why nothing
// may be charged now, or nil. looked is set if Stripe was just asked and has no PaymentIntent of
// the charge.
func (co *Collector) advance(ctx context.Context, row billing.Charge, forbidden error, looked bool) error {
	next, account, err := co.decide(ctx, row, forbidden, looked)
	if err != nil || next == nil {
		return err
	}
	return next.run(billing.OnAccount(ctx, account), co)
}

// advanceLooked advances a charge right after Stripe was asked and had no PaymentIntent of it.
func (co *Collector) advanceLooked(ctx context.Context, row billing.Charge) error {
	return co.advance(ctx, row, nil, true)
}

// dueCharge reads a task's charge, and reports whether the task may try the charge now.
func (co *Collector) dueCharge(ctx context.Context, id string, lease int64) (billing.Charge, bool, error) {
	row, err := co.Store.Charge(ctx, billing.ChargeID(id))
	if errors.Is(err, billing.ErrNotFound) {
		co.Log.Info().Str("charge", id).Msg("task dropped: its charge is gone")
		return row, false, nil
	}
	return row, err == nil && isDue(row, lease, co.Clock.Now()), err
}

// decide makes the final check of the charge, under the plan's lock, and commits the attempt that
// the next step makes. It returns no step when there is nothing to do: the task is stale, or the
// charge was paid, stopped or deferred meanwhile. account is the connected account that Stripe is
// called for; it is empty for the platform's own.
func (co *Collector) decide(ctx context.Context, row billing.Charge, forbidden error, looked bool) (next step, account string, err error) {
	err = co.Do(ctx, row.PlanID, func(t *planwork.Tx) error {
		next, account = nil, t.Plan.Account
		at := co.Clock.Instant()
		c, err := t.Charge(row.ID)
		if err != nil || !isDue(*c, row.Lease, t.Now) {
			return err
		}
		if forbidden == nil { // the database may be on another server by now
			forbidden = ask(ctx, co.Charge)
		}
		if forbidden == nil {
			next, err = nextStep(ctx, t, c, check{at: at, looked: looked, afterLook: co.advanceLooked})
			return err
		}
		t.Defer(c, forbidden)
		return nil
	})
	return next, account, err
}

// permit checks whether anything may be charged now, and waits for a permit to call Stripe. release
// is never nil.
func (co *Collector) permit(ctx context.Context) (admitted context.Context, release func(), err error) {
	if err := co.forbidden(ctx); err != nil {
		return ctx, func() {}, err
	}
	if co.Acquire == nil {
		return ctx, func() {}, nil
	}
	return co.Acquire(ctx)
}
