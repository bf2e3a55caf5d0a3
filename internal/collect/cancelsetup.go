package collect

import (
	"context"
	"errors"
	"fmt"

	"tranche/internal/billing"
	"tranche/internal/planwork"
)

// cancelSetup cancels the SetupIntent of a plan that was canceled while it waited for its card, so
// that a page that is still open can't save one. After a temporary failure the charge stays due.
type cancelSetup struct {
	void
	setup string
}

func (c cancelSetup) run(ctx context.Context, co *Collector) error {
	si, err := co.Gateway.CancelSetupIntent(ctx, c.key, c.setup)
	var ge *billing.GatewayError
	if errors.As(err, &ge) && (ge.Finished() || !ge.Resend()) {
		si, err = co.Gateway.SetupIntent(ctx, c.setup) // a card was saved, or the SetupIntent is canceled already
	}
	ctx = context.WithoutCancel(ctx)
	switch {
	case errors.Is(err, billing.ErrNotFound):
		return co.recordVoid(ctx, c.void, "Stripe has no SetupIntent "+c.setup)
	case err != nil:
		return co.voidLater(ctx, c.void, err)
	case si.Status == billing.IntentSucceeded:
		return co.recordVoid(ctx, c.void, "the customer gave a card by "+c.setup+" before it could be canceled; nothing is charged on it")
	case si.Status != billing.IntentCanceled:
		return co.voidLater(ctx, c.void, fmt.Errorf("%s is %s", si.ID, planwork.Spoken(si.Status)))
	}
	return co.recordVoid(ctx, c.void, c.setup+" is canceled at Stripe")
}
