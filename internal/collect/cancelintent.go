package collect

import (
	"context"
	"errors"
	"fmt"

	"tranche/internal/billing"
	"tranche/internal/planwork"
)

// cancelIntent cancels a PaymentIntent at Stripe and records the result, even if the customer paid
// it meanwhile. After a temporary failure the charge stays due.
type cancelIntent struct{ void }

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
