package jobs

import (
	"context"
	"errors"
	"fmt"

	"tranche/internal/billing"
)

// planOfSetup finds the plan that a SetupIntent was created for instead of a first payment. Other
// SetupIntents, such as the recovery page's, give a card to a customer who has plans.
func (w *Worker) planOfSetup(ctx context.Context, si billing.SetupIntent) (billing.Plan, bool, error) {
	id := si.Metadata[billing.MetaPlan]
	if id == "" {
		return billing.Plan{}, false, nil
	}
	plan, err := w.Store.Plan(ctx, billing.PlanID(id))
	if errors.Is(err, billing.ErrNotFound) {
		return plan, false, nil
	}
	if err != nil || plan.SetupIntent == si.ID {
		return plan, err == nil, err
	}
	if plan.SetupIntent != "" || plan.Status != billing.PlanAwaitingFirstPayment && plan.CardID != "" {
		return plan, false, nil
	}
	charges, err := w.Store.PlanCharges(ctx, plan.ID) // the answer that named the SetupIntent was lost
	return plan, err == nil && !charges[0].Checkout, err
}

// setUpPlan saves the card that the customer gave for a plan without a first payment, and activates
// the plan. For an active plan it changes nothing: the plan may have another card by then.
func (w *Worker) setUpPlan(ctx context.Context, si billing.SetupIntent, plan billing.Plan) (verdict, error) {
	if plan.Status != billing.PlanAwaitingFirstPayment {
		return ignored("plan %s is %s, and does not wait for a card", plan.Reference, spoken(plan.Status)), nil
	}
	customer, err := w.Store.Customer(ctx, plan.CustomerID)
	if err != nil {
		return verdict{}, err
	}
	saved, err := w.attach(ctx, customer, si.PaymentMethod, cause{intent: si.ID, createdAt: si.CreatedAt})
	if err != nil {
		return verdict{}, err
	}
	return handled, w.inPlan(ctx, plan.ID, func(t *planTx) error {
		if t.plan.Status != billing.PlanAwaitingFirstPayment || t.charges[0].Checkout {
			return nil
		}
		if t.plan.SetupIntent == "" { // the answer that named the SetupIntent was lost
			t.plan.SetupIntent = si.ID
		}
		if err := t.useCard(ctx, *saved); err != nil || saved.problem != "" {
			return err
		}
		t.activate("the customer gave a card")
		return bindConsent(ctx, t.Tx, si.PaymentMethod, si.ID, t.charges[0].ID)
	})
}

// voidSetup cancels the SetupIntent of a plan that was canceled while it waited for its card, so
// that a page that is still open can't save one. After a temporary failure the charge stays due.
func (w *Worker) voidSetup(ctx context.Context, c call) error {
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
		return w.voidLater(ctx, c, fmt.Errorf("%s is %s", si.ID, spoken(si.Status)))
	}
	return w.recordVoid(ctx, c, c.setup+" is canceled at Stripe")
}
