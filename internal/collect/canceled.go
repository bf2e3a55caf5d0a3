package collect

import (
	"context"
	"errors"
	"fmt"

	"tranche/internal/billing"
	"tranche/internal/planwork"
)

// RecordCancellation records that a PaymentIntent of the charge was found canceled at Stripe. If
// Tranche or Stripe itself canceled it, it is replaced: the charge is still owed. A cancellation by
// anyone else is the merchant's decision that the charge is no longer owed. A cancellation of a
// PaymentIntent that was replaced changes nothing. Errors: the transaction's.
func RecordCancellation(ctx context.Context, t *planwork.Tx, c *billing.Charge, pi billing.PaymentIntent) error {
	if c.PaymentIntent != pi.ID {
		if c.Status == billing.ChargeCollecting { // the attempt failed because of it
			return t.Move(c, billing.ChargeRetrying, "its PaymentIntent was replaced", t.Now)
		}
		return nil
	}
	ours, err := isOurs(ctx, t, c, pi)
	if err != nil {
		return err
	}
	if ours {
		return DropCanceledIntent(t, c)
	}
	if pi.CanceledByStripe() {
		c.PaymentIntent = ""
		t.AuditBy(c, billing.ActorStripe, "charge.payment_intent_replaced", "Stripe canceled "+pi.ID+" itself; a new one will be created", "")
		if c.Status == billing.ChargeCollecting {
			return t.Move(c, billing.ChargeRetrying, "its PaymentIntent was canceled by Stripe", t.Now)
		}
		t.Touch(c)
		return nil
	}
	reason := "its PaymentIntent was canceled at Stripe"
	if pi.CancellationReason != "" {
		reason += " (" + planwork.Spoken(pi.CancellationReason) + ")"
	}
	t.Audit(c, "charge.canceled", fmt.Sprintf("charge %d: %s", c.Sequence, reason), "")
	if err := t.CancelCharge(c, reason); err != nil {
		return err
	}
	t.ClearSchedule(c) // the PaymentIntent is known to be canceled
	return nil
}

// DropCanceledIntent removes a PaymentIntent that was seen canceled from its charge, so that the
// next attempt creates a new one. A charge that is due is tried at once. Errors:
// billing.Charge.Move's.
func DropCanceledIntent(t *planwork.Tx, c *billing.Charge) error {
	t.Audit(c, "charge.payment_intent_replaced",
		fmt.Sprintf("charge %d: %s is canceled; a new one will be made", c.Sequence, c.PaymentIntent), "tried at once")
	c.PaymentIntent = ""
	next := c.NextAttemptAt
	if next.IsZero() || next.After(t.Now) {
		t.Touch(c)
		return nil // nothing is due: the next attempt creates a new one
	}
	return t.Move(c, c.Status, "", t.Now)
}

// isOurs reports whether Tranche canceled a PaymentIntent itself, to create a new one.
func isOurs(ctx context.Context, t *planwork.Tx, c *billing.Charge, pi billing.PaymentIntent) (bool, error) {
	_, err := t.LastCardTry(ctx, billing.CardTryFilter{Kind: billing.CardTryVoided, Intent: pi.ID})
	if err == nil || !errors.Is(err, billing.ErrNotFound) {
		return err == nil, err
	}
	d, err := t.Dunning(ctx, c.ID)
	if errors.Is(err, billing.ErrNotFound) {
		return false, nil
	}
	return err == nil && d.Replacing != "" && d.Replacing == pi.ID, err
}
