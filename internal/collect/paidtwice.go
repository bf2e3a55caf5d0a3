package collect

import (
	"context"
	"fmt"

	"tranche/internal/billing"
	"tranche/internal/money"
	"tranche/internal/planwork"
)

// SecondPaymentError is the error of a payment for a charge that is paid already.
type SecondPaymentError struct{ Charge billing.Charge }

// Error names the charge and its first payment.
func (e *SecondPaymentError) Error() string {
	return fmt.Sprintf("charge %s is paid already, by %s", e.Charge.ID, e.Charge.PaymentIntent)
}

// ReportPaidTwice opens the incident of a second payment for a charge, once for each PaymentIntent.
// how describes how the charge was paid first. The charge itself stays as it is. Errors: the
// transaction's.
func ReportPaidTwice(ctx context.Context, t *planwork.Tx, c *billing.Charge, second billing.PaymentIntent, how string) error {
	known, err := isSecondPayment(ctx, t, second.ID)
	if err != nil || known {
		return err
	}
	amount := money.FormatAmount(second.Amount, second.Currency)
	detail := fmt.Sprintf("charge %d is paid twice: refund %s of %s; %s", c.Sequence, second.ID, amount, how)
	t.AuditBy(c, billing.ActorStripe, "charge.paid_twice", detail, "tranche charge refund-duplicate "+string(c.ID))
	return t.OpenChargeIncident(ctx, c, billing.IncidentPaidTwice, second.ID, detail)
}

// isSecondPayment reports whether a PaymentIntent was recorded as a second payment, open or
// resolved.
func isSecondPayment(ctx context.Context, t *planwork.Tx, paymentIntent string) (bool, error) {
	known, err := t.Incidents(ctx, billing.IncidentFilter{Kind: billing.IncidentPaidTwice, Subject: paymentIntent, Limit: 1})
	return len(known) > 0, err
}

// paidOutsideToo records that Stripe was paid for a charge that the merchant marked as paid outside
// Stripe.
func paidOutsideToo(ctx context.Context, t *planwork.Tx, c *billing.Charge, pi billing.PaymentIntent) error {
	known, err := isSecondPayment(ctx, t, pi.ID)
	if err != nil {
		return err
	}
	t.ClearSchedule(c)
	if known {
		return nil // the second payment is resolved: refunded or kept
	}
	c.PaidOutside, c.PaymentIntent, c.PaidAt = false, pi.ID, t.Now
	c.Reason = "paid outside Stripe, and at Stripe too"
	return ReportPaidTwice(ctx, t, c, pi, "it was paid outside Stripe too")
}

// ChargePaidTwiceBy returns the charge that a PaymentIntent paid a second time, as the incident of
// that payment records it. Errors: billing.ErrNotFound if the PaymentIntent is no second payment;
// billing.ErrUnavailable.
func ChargePaidTwiceBy(ctx context.Context, store billing.Store, paymentIntent string) (billing.Charge, error) {
	found, err := store.Incidents(ctx, billing.IncidentFilter{Kind: billing.IncidentPaidTwice, Subject: paymentIntent, Limit: 1})
	if err == nil && (len(found) == 0 || found[0].ChargeID == "") {
		err = fmt.Errorf("second payment %s: %w", paymentIntent, billing.ErrNotFound)
	}
	if err != nil {
		return billing.Charge{}, err
	}
	return store.Charge(ctx, found[0].ChargeID)
}
