package jobs

import (
	"context"
	"errors"
	"fmt"

	"tranche/internal/billing"
)

// fraudWarned is why a plan is paused on a warning.
const fraudWarned = "the card's issuer warned of fraud"

// handleFraudWarning follows an early fraud warning: the issuer suspects that the cardholder did not agree to a payment, which
// ends in a dispute more often than not. The plan is paused, and every other plan of the customer's that charges the card, so that
// nothing is added to it; whether the payment is given back is the merchant's to decide. Each plan is a transaction of its own: an
// event of which only some were recorded is handled again, and pauses the rest. Source: docs.stripe.com/disputes/measuring, "Early fraud warnings".
func (w *Worker) handleFraudWarning(ctx context.Context, e billing.Event) (verdict, error) {
	id := e.PaymentIntent()
	if id == "" {
		return ignored("it names no PaymentIntent"), nil
	}
	row, err := w.Store.ChargeByPaymentIntent(ctx, id)
	if errors.Is(err, billing.ErrNotFound) {
		return ignored("PaymentIntent %s belongs to no plan", id), nil
	}
	if err != nil {
		return verdict{}, err
	}
	others, err := w.onSameCard(ctx, row)
	if err != nil {
		return verdict{}, err
	}
	for _, other := range others {
		if err := w.inPlan(ctx, other, func(t *planTx) error { t.pause(fraudWarned + " about a payment of another plan"); return nil }); err != nil {
			return verdict{}, err
		}
	}
	return handled, w.inPlan(ctx, row.PlanID, func(t *planTx) error {
		c, err := t.charge(row.ID)
		if err != nil {
			return err
		}
		t.audit(c, billing.ActorStripe, "charge.fraud_warned", fmt.Sprintf("charge %d of %s: %s (%s)", c.Sequence,
			billing.FormatAmount(c.Amount, c.Currency), fraudWarned, e.ObjectID), "give it back before it is disputed, or resume the plan")
		t.pause(fraudWarned)
		return nil
	})
}

// onSameCard are the customer's other plans that charge the card which the charge's plan does.
func (w *Worker) onSameCard(ctx context.Context, row billing.Charge) ([]billing.PlanID, error) {
	plan, err := w.Store.Plan(ctx, row.PlanID)
	if err != nil || plan.CardID == "" {
		return nil, err
	}
	plans, err := w.Store.Plans(ctx, billing.PlanFilter{Customer: row.CustomerID})
	if err != nil {
		return nil, err
	}
	var ids []billing.PlanID
	for _, p := range plans {
		if p.ID != plan.ID && p.CardID == plan.CardID && p.Status.Collects() {
			ids = append(ids, p.ID)
		}
	}
	return ids, nil
}
