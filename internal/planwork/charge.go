package planwork

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/rs/zerolog"

	"tranche/internal/billing"
)

// deferFor is how long, in real time, a charge is deferred that must not be made now.
const deferFor = time.Minute

// retryable is an error after which the work may be retried. RetryIn is in real time.
type retryable interface {
	error
	RetryIn() time.Duration
}

// Defer defers a due charge and records the reason. No attempt is spent. Jitter keeps charges
// that are deferred together from coming back together.
func (t *Tx) Defer(c *billing.Charge, why error) {
	wait, level := deferFor, zerolog.ErrorLevel
	var ge *billing.GatewayError
	if errors.As(why, &ge) && ge.Kind == billing.GatewayParked {
		level = zerolog.WarnLevel
		if ge.RetryIn > 0 {
			wait = ge.RetryIn
		}
	}
	if soon, ok := errors.AsType[retryable](why); ok {
		level, wait = zerolog.WarnLevel, soon.RetryIn()
	}
	c.Reason = why.Error()
	c.ClaimAfter = t.Now.Add(t.Work.Clock.Simulated(WithJitter(wait)))
	t.Touch(c)
	t.Work.Log.WithLevel(level).Str("charge", string(c.ID)).Err(why).Msg("charge deferred")
}

// InFuture reports whether a time was written by a clock that was ahead, so that it can't be relied
// on.
func (t *Tx) InFuture(at time.Time) bool {
	return at.After(t.Now.Add(t.Work.Clock.Simulated(t.Work.Lease)))
}

// HoldLease keeps the scheduler from claiming the row for one lease from now.
func (t *Tx) HoldLease(c *billing.Charge) {
	c.ClaimAfter = t.Now.Add(t.Work.Clock.Simulated(t.Work.Lease))
	t.Touch(c)
}

// Touch marks a charge as changed.
func (t *Tx) Touch(c *billing.Charge) {
	c.UpdatedAt = t.Now
	t.changed[c.ID] = true
}

// Move changes the status of a charge; see billing.Charge.Move.
func (t *Tx) Move(c *billing.Charge, to billing.ChargeStatus, reason string, next time.Time) error {
	t.Touch(c)
	return c.Move(to, reason, next)
}

// CancelWithPlan cancels a charge along with its plan. A charge that has ended stays as it is.
func (t *Tx) CancelWithPlan(c *billing.Charge) error {
	if c.Status.Ended() {
		return nil
	}
	t.Audit(c, "charge.canceled", fmt.Sprintf("charge %d is canceled with its plan", c.Sequence), "")
	return t.CancelCharge(c, "the plan was canceled")
}

// CancelCharge ends the collection of a charge; see billing.Charge.Cancel for what follows at
// Stripe.
func (t *Tx) CancelCharge(c *billing.Charge, reason string) error {
	t.Touch(c)
	return c.Cancel(t.Plan, reason, t.Now)
}

// NoteIntent makes a PaymentIntent the charge's own; see billing.Charge.NoteIntent.
func (t *Tx) NoteIntent(c *billing.Charge, id string) {
	c.NoteIntent(id, t.Now)
	t.Touch(c)
}

// ClearSchedule removes the charge's next attempt from the schedule.
func (t *Tx) ClearSchedule(c *billing.Charge) {
	c.NextAttemptAt, c.ClaimAfter = time.Time{}, time.Time{}
	t.Touch(c)
}

// Put replaces a charge of the plan by a changed copy.
func (t *Tx) Put(c billing.Charge) {
	i := slices.IndexFunc(t.Charges, func(other billing.Charge) bool { return other.ID == c.ID })
	t.Charges[i] = c
	t.Touch(&t.Charges[i])
}

// Add adds charges at the end of the plan.
func (t *Tx) Add(charges ...billing.Charge) {
	for _, c := range charges {
		t.Insert(len(t.Charges), c)
	}
}

// Insert adds a charge before the one at an index. The caller raises the sequences of those after
// it.
func (t *Tx) Insert(at int, c billing.Charge) {
	t.Charges = slices.Insert(t.Charges, at, c)
	t.added[c.ID] = true
}

// TryCard applies the rule of billing.NewCard to the plan, and returns the charges that are tried
// on the card.
func (t *Tx) TryCard(ctx context.Context, n billing.NewCard) ([]billing.Charge, error) {
	changed, entries, err := n.Try(ctx, t.Tx, t.Plan, t.Charges)
	if err != nil {
		return nil, err
	}
	tried := make([]billing.Charge, len(changed))
	for i, at := range changed {
		t.Touch(&t.Charges[at])
		tried[i] = t.Charges[at]
	}
	t.AddAudit(entries...)
	return tried, nil
}
