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
// ends in a dispute more often than not. The plan is paused, so that nothing is added to it; whether the payment is given back
// is the merchant's to decide. Source: docs.stripe.com/disputes/measuring, "Early fraud warnings".
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
