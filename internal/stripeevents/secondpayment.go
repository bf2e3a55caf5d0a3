package stripeevents

import (
	"context"
	"errors"

	"tranche/internal/billing"
	"tranche/internal/collect"
	"tranche/internal/planwork"
)

// secondPayment opens the incident of a double charge: a second payment for a charge that is paid
// already. A payment that was refunded in full opens none.
func (h *Handler) secondPayment(ctx context.Context, charge billing.Charge, pi billing.PaymentIntent) (verdict, error) {
	p, err := h.Gateway.Payment(ctx, pi.ID)
	if err != nil {
		return verdict{}, err
	}
	if p.AmountRefunded >= p.Amount {
		return ignored("charge %s was paid by %s, and %s is refunded", charge.ID, charge.PaymentIntent, pi.ID), nil
	}
	return handled, h.Do(ctx, charge.PlanID, func(t *planwork.Tx) error {
		c, err := t.Charge(charge.ID)
		if err != nil {
			return err
		}
		return collect.ReportPaidTwice(ctx, t, c, pi, howPaid(*c))
	})
}

// howPaid describes how a charge was paid before its second payment.
func howPaid(c billing.Charge) string {
	if c.PaidOutside {
		return "it was paid outside Stripe"
	}
	return "it was paid by " + c.PaymentIntent
}

// followDuplicate follows the refunds and disputes of a second payment. A full refund closes its
// incident. A charge that was also paid outside Stripe then counts as paid outside again, and the
// plan continues.
func followDuplicate(ctx context.Context, t *planwork.Tx, c *billing.Charge, p billing.RecordedPayment) error {
	own, returned := c.PaymentIntent == p.ID, p.Amount > 0 && p.AmountRefunded >= p.Amount
	if own && !returned {
		if c.PaidOutside {
			c.PaidOutside, c.Reason = false, "paid outside Stripe, and at Stripe too"
			t.Touch(c)
		}
		return reverse(ctx, t, c, p)
	}
	if !returned {
		return nil
	}
	if own && !c.PaidOutside {
		noteRefund(t, c, p)
		if err := collect.NotifyRefund(ctx, t, c, p); err != nil {
			return err
		}
		if err := t.Move(c, billing.ChargeSucceeded, "paid outside Stripe; the payment at Stripe was refunded", c.NextAttemptAt); err != nil {
			return err
		}
		c.PaidOutside, c.AmountRefunded, c.DisputeStatus = true, p.AmountRefunded, p.Dispute
	}
	if err := acceptOrders(ctx, t, c, p); err != nil {
		return err
	}
	return t.CloseIncidents(ctx, billing.IncidentPaidTwice, p.ID, "it is refunded at Stripe", t.Now)
}

// isSecond reports whether err is a second payment, and returns its charge.
func isSecond(err error) (billing.Charge, bool) {
	if second, ok := errors.AsType[*collect.SecondPaymentError](err); ok {
		return second.Charge, true
	}
	return billing.Charge{}, false
}
