package jobs

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"tranche/internal/billing"
)

// stop ends a charge of a canceled plan. One that has a PaymentIntent stays due until that is seen canceled too: as long
// as it is open the customer, on a page that is open somewhere, could still pay it.
func (t *planTx) stop(c *billing.Charge) error {
	if c.Status.Ended() {
		return nil
	}
	next := time.Time{}
	if c.PaymentIntent != "" {
		next = t.now
	}
	t.audit(c, billing.ActorTranche, "charge.canceled", fmt.Sprintf("charge %d is canceled with its plan", c.Sequence), "")
	return t.move(c, billing.ChargeCanceled, "the plan was canceled", next)
}

// afterEnd is what is left to do at Stripe for a charge that is over: give its money back, or cancel its PaymentIntent.
func (t *planTx) afterEnd(ctx context.Context, c *billing.Charge) (*call, error) {
	refund, err := t.openRefund(ctx, c)
	switch {
	case err != nil:
		return nil, err
	case refund.ID != "":
		t.holdLease(c)
		return &call{planID: t.plan.ID, paymentIntent: refund.PaymentIntent, key: refund.IdempotencyKey, refund: refund, connect: t.plan.Connect}, nil
	case !voidable(c):
		t.rest(c)
		return nil, nil
	}
	return t.voidCall(c), nil
}

// voidable says whether the PaymentIntent of a charge must take no money any more.
func voidable(c *billing.Charge) bool { return c.Status == billing.ChargeCanceled || c.PaidOutside }

// rest leaves a charge to itself: nothing is planned for it.
func (t *planTx) rest(c *billing.Charge) {
	c.NextAttemptAt, c.WakeAt = time.Time{}, time.Time{}
	t.touch(c)
}

// voidCall is the call that cancels the PaymentIntent of a canceled charge. It is made under a key of its own each time:
// canceling twice does no harm, and a failure of long ago must not be replayed.
func (t *planTx) voidCall(c *billing.Charge) *call {
	if t.plan.AwaitedCard(*c) {
		t.holdLease(c)
		return &call{planID: t.plan.ID, void: c.ID, setup: t.plan.SetupIntent, key: "void-" + t.plan.SetupIntent + "-" + strconv.FormatInt(c.Lease, 10)}
	}
	if c.PaymentIntent == "" {
		t.rest(c)
		return nil
	}
	t.holdLease(c)
	return &call{planID: t.plan.ID, void: c.ID, paymentIntent: c.PaymentIntent, key: "void-" + c.PaymentIntent + "-" + strconv.FormatInt(c.Lease, 10)}
}

// voidPayment cancels a PaymentIntent at Stripe, and records what it came to: that the customer paid it in the last moment
// too. A failure that may pass leaves the charge due.
func (w *Worker) voidPayment(ctx context.Context, c call) error {
	pi, err := w.Gateway.CancelPaymentIntent(ctx, c.key, c.paymentIntent)
	var ge *billing.GatewayError
	if errors.As(err, &ge) && !ge.Resend() {
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

// recordVoid notes that nothing can be paid any more, and why.
func (w *Worker) recordVoid(ctx context.Context, sent call, why string) error {
	return w.inPlan(ctx, sent.planID, func(t *planTx) error {
		c, err := t.charge(sent.void)
		if err != nil || !voidable(c) || c.NextAttemptAt.IsZero() {
			return err
		}
		t.rest(c)
		t.audit(c, billing.ActorTranche, "charge.voided", fmt.Sprintf("charge %d: %s", c.Sequence, why), "")
		return nil
	})
}

// voidLater leaves the charge due, with the reason.
func (w *Worker) voidLater(ctx context.Context, sent call, why error) error {
	return w.inPlan(ctx, sent.planID, func(t *planTx) error {
		c, err := t.charge(sent.void)
		if err != nil || !voidable(c) || c.NextAttemptAt.IsZero() {
			return err
		}
		t.putOff(c, fmt.Errorf("what the customer could confirm is not canceled at Stripe yet: %w", why))
		return nil
	})
}
