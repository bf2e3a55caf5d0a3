package collect

import (
	"context"
	"errors"
	"fmt"

	"tranche/internal/billing"
	"tranche/internal/planwork"
)

// afterEnd returns the step that an ended charge still needs: its refund, or the
// cancellation of its PaymentIntent. It returns nil if nothing is left to do.
func afterEnd(ctx context.Context, t *planwork.Tx, c *billing.Charge) (step, error) {
	refund, err := FindOpenRefund(ctx, t, c)
	switch {
	case err != nil:
		return nil, err
	case refund.ID != "":
		t.HoldLease(c)
		return sendRefund{planID: t.Plan.ID, refund: refund, connect: t.Plan.Connect}, nil
	case !c.Void():
		t.ClearSchedule(c)
		return nil, nil
	}
	return newVoid(ctx, t, c)
}

// newVoid returns the step that cancels the intent that the customer could still confirm, for a
// charge that must not be paid. The key contains the lease, so it is new each time: canceling twice
// does no harm, and an old failure must not be replayed.
func newVoid(ctx context.Context, t *planwork.Tx, c *billing.Charge) (step, error) {
	v := void{planID: t.Plan.ID, charge: c.ID}
	switch {
	case t.Plan.AwaitedCard(*c):
		v.key = voidKey(t.Plan.SetupIntent, c.Lease)
		t.HoldLease(c)
		return cancelSetup{void: v, setup: t.Plan.SetupIntent}, nil
	case c.PaymentIntent != "":
		v.intent, v.key = c.PaymentIntent, voidKey(c.PaymentIntent, c.Lease)
		t.HoldLease(c)
		return cancelIntent{v}, nil
	}
	return newFind(ctx, t, c)
}

func (c cancelIntent) run(ctx context.Context, co *Collector) error {
	pi, err := co.Gateway.CancelPaymentIntent(ctx, c.key, c.intent)
	var ge *billing.GatewayError
	if errors.As(err, &ge) && (ge.Finished() || !ge.Resend()) {
		pi, err = co.Gateway.PaymentIntent(ctx, c.intent) // paid, or canceled already
	}
	ctx = context.WithoutCancel(ctx)
	switch {
	case errors.Is(err, billing.ErrNotFound):
		return co.recordVoid(ctx, c.void, c.intent+" can't be paid: Stripe has no such PaymentIntent")
	case err != nil:
		return co.voidLater(ctx, c.void, err)
	case pi.Status == billing.IntentSucceeded:
		charge, err := co.Store.Charge(ctx, c.charge)
		if err != nil {
			return err
		}
		return co.RecordPayment(ctx, charge, pi, nil)
	case pi.Status != billing.IntentCanceled:
		return co.voidLater(ctx, c.void, fmt.Errorf("%s is %s", pi.ID, planwork.Spoken(pi.Status)))
	}
	return co.recordVoid(ctx, c.void, c.intent+" is canceled at Stripe")
}
