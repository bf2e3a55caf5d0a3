package collect

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"tranche/internal/billing"
	"tranche/internal/planwork"
)

// voidSetup cancels the SetupIntent of a plan that was canceled while it waited for its card, so
// that a page that is still open can't save one. After a temporary failure the charge stays due.
func (w *Collector) voidSetup(ctx context.Context, c call) error {
	si, err := w.Gateway.CancelSetupIntent(ctx, c.key, c.setup)
	var ge *billing.GatewayError
	if errors.As(err, &ge) && (ge.Finished() || !ge.Resend()) {
		si, err = w.Gateway.SetupIntent(ctx, c.setup) // a card was saved, or the SetupIntent is canceled already
	}
	ctx = context.WithoutCancel(ctx)
	switch {
	case errors.Is(err, billing.ErrNotFound):
		return w.recordVoid(ctx, c, "Stripe has no SetupIntent "+c.setup)
	case err != nil:
		return w.voidLater(ctx, c, err)
	case si.Status == billing.IntentSucceeded:
		return w.recordVoid(ctx, c, "the customer gave a card by "+c.setup+" before it could be canceled; nothing is charged on it")
	case si.Status != billing.IntentCanceled:
		return w.voidLater(ctx, c, fmt.Errorf("%s is %s", si.ID, planwork.Spoken(si.Status)))
	}
	return w.recordVoid(ctx, c, c.setup+" is canceled at Stripe")
}

// afterEnd returns the call to Stripe that an ended charge still needs: its refund, or the
// cancellation of its PaymentIntent. It returns nil if nothing is left to do.
func afterEnd(ctx context.Context, t *planwork.Tx, c *billing.Charge) (*call, error) {
	refund, err := OpenRefund(ctx, t, c)
	switch {
	case err != nil:
		return nil, err
	case refund.ID != "":
		t.HoldLease(c)
		return &call{planID: t.Plan.ID, paymentIntent: refund.PaymentIntent, key: refund.IdempotencyKey, refund: refund, connect: t.Plan.Connect}, nil
	case !c.Void():
		t.ClearSchedule(c)
		return nil, nil
	}
	return voidCall(ctx, t, c)
}

// voidCall returns the call that cancels the intent that the customer could still confirm, for a
// charge that must not be paid. The key contains the lease, so it is new each time: canceling twice
// does no harm, and an old failure must not be replayed.
func voidCall(ctx context.Context, t *planwork.Tx, c *billing.Charge) (*call, error) {
	out := &call{planID: t.Plan.ID, void: c.ID}
	switch {
	case t.Plan.AwaitedCard(*c):
		out.setup, out.key = t.Plan.SetupIntent, voidKey(t.Plan.SetupIntent, c.Lease)
	case c.PaymentIntent != "":
		out.paymentIntent, out.key = c.PaymentIntent, voidKey(c.PaymentIntent, c.Lease)
	default:
		return findCall(ctx, t, c)
	}
	t.HoldLease(c)
	return out, nil
}

// voidKey returns the idempotency key with which the holder of a lease cancels an object.
func voidKey(object string, lease int64) string {
	return "void-" + object + "-" + strconv.FormatInt(lease, 10)
}

// voidPayment cancels a PaymentIntent at Stripe and records the result, even if the customer paid
// it meanwhile. After a temporary failure the charge stays due.
func (w *Collector) voidPayment(ctx context.Context, c call) error {
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
		return w.RecordPayment(ctx, charge, pi, nil)
	case pi.Status != billing.IntentCanceled:
		return w.voidLater(ctx, c, fmt.Errorf("%s is %s", pi.ID, planwork.Spoken(pi.Status)))
	}
	return w.recordVoid(ctx, c, c.paymentIntent+" is canceled at Stripe")
}

// recordVoid records that nothing can be paid any more, and why. It does not change a charge that
// got another PaymentIntent meanwhile.
func (w *Collector) recordVoid(ctx context.Context, sent call, why string) error {
	return w.Do(ctx, sent.planID, func(t *planwork.Tx) error {
		c, err := t.Charge(sent.void)
		if err != nil || !c.Void() || c.NextAttemptAt.IsZero() || c.PaymentIntent != sent.paymentIntent {
			return err
		}
		t.ClearSchedule(c)
		t.Audit(c, "charge.voided", fmt.Sprintf("charge %d: %s", c.Sequence, why), "")
		return nil
	})
}

// voidLater leaves the charge due and records the reason.
func (w *Collector) voidLater(ctx context.Context, sent call, why error) error {
	return w.Do(ctx, sent.planID, func(t *planwork.Tx) error {
		c, err := t.Charge(sent.void)
		if err != nil || !c.Void() || c.NextAttemptAt.IsZero() {
			return err
		}
		t.Defer(c, fmt.Errorf("its PaymentIntent or SetupIntent is not canceled at Stripe yet: %w", why))
		return nil
	})
}
