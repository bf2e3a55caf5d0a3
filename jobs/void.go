package jobs

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"tranche/internal/billing"
)

// stop cancels a charge along with its plan. A charge that has ended stays as it is.
func (t *planTx) stop(c *billing.Charge) error {
	if c.Status.Ended() {
		return nil
	}
	t.audit(c, "charge.canceled", fmt.Sprintf("charge %d is canceled with its plan", c.Sequence), "")
	return t.cancel(c, "the plan was canceled")
}

// cancel ends the collection of a charge; see billing.Charge.Cancel for what follows at Stripe.
func (t *planTx) cancel(c *billing.Charge, reason string) error {
	t.touch(c)
	return c.Cancel(t.plan, reason, t.now)
}

// noteIntent makes a PaymentIntent the charge's own; see billing.Charge.NoteIntent.
func (t *planTx) noteIntent(c *billing.Charge, id string) {
	c.NoteIntent(id, t.now)
	t.touch(c)
}

// afterEnd returns the call to Stripe that an ended charge still needs: its refund, or the
// cancellation of its PaymentIntent. It returns nil if nothing is left to do.
func (t *planTx) afterEnd(ctx context.Context, c *billing.Charge) (*call, error) {
	refund, err := t.openRefund(ctx, c)
	switch {
	case err != nil:
		return nil, err
	case refund.ID != "":
		t.holdLease(c)
		return &call{planID: t.plan.ID, paymentIntent: refund.PaymentIntent, key: refund.IdempotencyKey, refund: refund, connect: t.plan.Connect}, nil
	case !c.Void():
		t.rest(c)
		return nil, nil
	}
	return t.voidCall(ctx, c)
}

// rest removes the charge's next attempt from the schedule.
func (t *planTx) rest(c *billing.Charge) {
	c.NextAttemptAt, c.ClaimAfter = time.Time{}, time.Time{}
	t.touch(c)
}

// voidCall returns the call that cancels the intent that the customer could still confirm, for a
// charge that must not be paid. The key contains the lease, so it is new each time: canceling twice
// does no harm, and an old failure must not be replayed.
func (t *planTx) voidCall(ctx context.Context, c *billing.Charge) (*call, error) {
	out := &call{planID: t.plan.ID, void: c.ID}
	switch {
	case t.plan.AwaitedCard(*c):
		out.setup, out.key = t.plan.SetupIntent, voidKey(t.plan.SetupIntent, c.Lease)
	case c.PaymentIntent != "":
		out.paymentIntent, out.key = c.PaymentIntent, voidKey(c.PaymentIntent, c.Lease)
	default:
		return t.findCall(ctx, c)
	}
	t.holdLease(c)
	return out, nil
}

// voidKey returns the idempotency key with which the holder of a lease cancels an object.
func voidKey(object string, lease int64) string {
	return "void-" + object + "-" + strconv.FormatInt(lease, 10)
}

// voidPayment cancels a PaymentIntent at Stripe and records the result, even if the customer paid
// it meanwhile. After a temporary failure the charge stays due.
func (w *Worker) voidPayment(ctx context.Context, c call) error {
	pi, err := w.Gateway.CancelPaymentIntent(ctx, c.key, c.paymentIntent)
	var ge *billing.GatewayError
	if errors.As(err, &ge) && (ge.Finished() || !ge.Resend()) {
		pi, err = w.Gateway.PaymentIntent(ctx, c.paymentIntent) // paid, or canceled already
	}
	ctx = context.WithoutCancel(ctx)
	switch {
	case errors.Is(err, billing.ErrNotFound):
		return w.recordVoid(ctx, c, c.paymentIntent+" can't be paid: Stripe has no such PaymentIntent")
	case err != nil:
		return w.voidLater(ctx, c, err)
	case pi.Status == billing.IntentSucceeded:
		charge, err := w.Store.Charge(ctx, c.void)
		if err != nil {
			return err
		}
		return w.recordPayment(ctx, charge, pi, nil)
	case pi.Status != billing.IntentCanceled:
		return w.voidLater(ctx, c, fmt.Errorf("%s is %s", pi.ID, spoken(pi.Status)))
	}
	return w.recordVoid(ctx, c, c.paymentIntent+" is canceled at Stripe")
}

// recordVoid records that nothing can be paid any more, and why. It does not change a charge that
// got another PaymentIntent meanwhile.
func (w *Worker) recordVoid(ctx context.Context, sent call, why string) error {
	return w.inPlan(ctx, sent.planID, func(t *planTx) error {
		c, err := t.charge(sent.void)
		if err != nil || !c.Void() || c.NextAttemptAt.IsZero() || c.PaymentIntent != sent.paymentIntent {
			return err
		}
		t.rest(c)
		t.audit(c, "charge.voided", fmt.Sprintf("charge %d: %s", c.Sequence, why), "")
		return nil
	})
}

// voidLater leaves the charge due and records the reason.
func (w *Worker) voidLater(ctx context.Context, sent call, why error) error {
	return w.inPlan(ctx, sent.planID, func(t *planTx) error {
		c, err := t.charge(sent.void)
		if err != nil || !c.Void() || c.NextAttemptAt.IsZero() {
			return err
		}
		t.deferCharge(c, fmt.Errorf("its PaymentIntent or SetupIntent is not canceled at Stripe yet: %w", why))
		return nil
	})
}
