package collect

import (
	"context"

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
