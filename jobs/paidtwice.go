package jobs

import (
	"context"
	"errors"
	"fmt"

	"tranche/internal/billing"
	"tranche/internal/money"
)

// secondPaymentError is the error of a payment for a charge that is paid already.
type secondPaymentError struct{ charge billing.Charge }

// Error names the charge.
func (e *secondPaymentError) Error() string {
	return fmt.Sprintf("charge %s is paid already, by %s", e.charge.ID, e.charge.PaymentIntent)
}

// secondPayment opens the incident of a double charge: a second payment for a charge that is paid
// already. A payment that was refunded in full opens none.
func (w *Worker) secondPayment(ctx context.Context, charge billing.Charge, pi billing.PaymentIntent) (verdict, error) {
	p, err := w.Gateway.Payment(ctx, pi.ID)
	if err != nil {
		return verdict{}, err
	}
	if p.AmountRefunded >= p.Amount {
		return ignored("charge %s was paid by %s, and %s is refunded", charge.ID, charge.PaymentIntent, pi.ID), nil
	}
	return handled, w.inPlan(ctx, charge.PlanID, func(t *planTx) error {
		c, err := t.charge(charge.ID)
		if err != nil {
			return err
		}
		return t.paidTwice(ctx, c, pi, paidFirst(*c))
	})
}

// paidFirst describes how a charge was paid before its second payment.
func paidFirst(c billing.Charge) string {
	if c.PaidOutside {
		return "it was paid outside Stripe"
	}
	return "it was paid by " + c.PaymentIntent
}

// paidTwice opens the incident of a second payment for a charge, once. how describes how the charge
// was paid first.
func (t *planTx) paidTwice(ctx context.Context, c *billing.Charge, second billing.PaymentIntent, how string) error {
	known, err := t.duplicate(ctx, second.ID)
	if err != nil || known {
		return err
	}
	amount := money.FormatAmount(second.Amount, second.Currency)
	detail := fmt.Sprintf("charge %d is paid twice: refund %s of %s; %s", c.Sequence, second.ID, amount, how)
	t.auditBy(c, billing.ActorStripe, "charge.paid_twice", detail, "tranche charge refund-duplicate "+string(c.ID))
	return t.openIncident(ctx, c, billing.IncidentPaidTwice, second.ID, detail)
}

// duplicate reports whether a PaymentIntent was recorded as a second payment, open or resolved.
func (t *planTx) duplicate(ctx context.Context, paymentIntent string) (bool, error) {
	known, err := t.Incidents(ctx, billing.IncidentFilter{Kind: billing.IncidentPaidTwice, Subject: paymentIntent, Limit: 1})
	return len(known) > 0, err
}

// paidOutsideToo records that Stripe was paid for a charge that the merchant marked as paid outside
// Stripe.
func (t *planTx) paidOutsideToo(ctx context.Context, c *billing.Charge, pi billing.PaymentIntent) error {
	known, err := t.duplicate(ctx, pi.ID)
	if err != nil {
		return err
	}
	t.rest(c)
	if known {
		return nil // the second payment is resolved: refunded or kept
	}
	c.PaidOutside, c.PaymentIntent, c.PaidAt = false, pi.ID, t.now
	c.Reason = "paid outside Stripe, and at Stripe too"
	return t.paidTwice(ctx, c, pi, "it was paid outside Stripe too")
}

// duplicateOf finds the incident of a second payment by its PaymentIntent, with the charge that was
// paid twice. Errors: ErrNotFound.
func (w *Worker) duplicateOf(ctx context.Context, paymentIntent string) (billing.Charge, error) {
	found, err := w.Store.Incidents(ctx, billing.IncidentFilter{Kind: billing.IncidentPaidTwice, Subject: paymentIntent, Limit: 1})
	if err == nil && (len(found) == 0 || found[0].ChargeID == "") {
		err = fmt.Errorf("second payment %s: %w", paymentIntent, billing.ErrNotFound)
	}
	if err != nil {
		return billing.Charge{}, err
	}
	return w.Store.Charge(ctx, found[0].ChargeID)
}

// followDuplicate follows the refunds and disputes of a second payment. A full refund closes its
// incident. A charge that was also paid outside Stripe then counts as paid outside again, and the
// plan continues.
func (t *planTx) followDuplicate(ctx context.Context, c *billing.Charge, p billing.RecordedPayment) error {
	own, returned := c.PaymentIntent == p.ID, p.Amount > 0 && p.AmountRefunded >= p.Amount
	if own && !returned {
		if c.PaidOutside {
			c.PaidOutside, c.Reason = false, "paid outside Stripe, and at Stripe too"
			t.touch(c)
		}
		return t.reverse(ctx, c, p)
	}
	if !returned {
		return nil
	}
	if own && !c.PaidOutside {
		t.noteRefund(c, p)
		if err := t.tellRefund(ctx, c, p); err != nil {
			return err
		}
		if err := t.move(c, billing.ChargeSucceeded, "paid outside Stripe; the payment at Stripe was refunded", c.NextAttemptAt); err != nil {
			return err
		}
		c.PaidOutside, c.AmountRefunded, c.DisputeStatus = true, p.AmountRefunded, p.Dispute
	}
	if err := t.acceptOrders(ctx, c, p); err != nil {
		return err
	}
	return t.CloseIncidents(ctx, billing.IncidentPaidTwice, p.ID, "it is refunded at Stripe", t.now)
}

// acceptOrders records an open refund order as made if its payment is refunded in full: the refund
// was made in Stripe's dashboard, or the answer to our request was lost.
func (t *planTx) acceptOrders(ctx context.Context, c *billing.Charge, p billing.RecordedPayment) error {
	if p.Amount <= 0 || p.AmountRefunded < p.Amount {
		return nil
	}
	open, err := t.openRefund(ctx, c)
	if err != nil || open.ID == "" || open.PaymentIntent != p.ID {
		return err
	}
	return t.refundAccepted(ctx, c, open, billing.StripeRefund{})
}

// isSecond reports whether err is a second payment, and returns its charge.
func isSecond(err error) (billing.Charge, bool) {
	if second, ok := errors.AsType[*secondPaymentError](err); ok {
		return second.charge, true
	}
	return billing.Charge{}, false
}
