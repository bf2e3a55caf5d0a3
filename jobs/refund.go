package jobs

import (
	"context"
	"errors"
	"fmt"

	"tranche/internal/billing"
)

// openRefund is the refund that was ordered of a charge and is not made yet; a zero one when there is none.
func (t *planTx) openRefund(ctx context.Context, c *billing.Charge) (billing.Refund, error) {
	refunds, err := t.Refunds(ctx, c.ID)
	if err != nil {
		return billing.Refund{}, err
	}
	for _, r := range refunds {
		if r.Status == billing.RefundOpen {
			return r, nil
		}
	}
	return billing.Refund{}, nil
}

// refundPayment asks Stripe to give back what is left of a payment, under the key that was written with the order. A
// failure that may pass leaves the charge due, and the same request is sent again. However late that is, nothing is given
// back twice: Stripe then says that nothing is left, which the payment itself confirms.
func (w *Worker) refundPayment(ctx context.Context, c call) error {
	made, err := w.Gateway.CreateRefund(ctx, c.key, billing.RefundParams{
		PaymentIntent: c.paymentIntent, Metadata: map[string]string{
			billing.MetaPlan: string(c.planID), billing.MetaCharge: string(c.refund.ChargeID), billing.MetaRefund: string(c.refund.ID),
		},
		ReverseTransfer: c.connect.TransferDestination != "", RefundFee: c.connect.Fee(c.refund.Amount, c.refund.Currency) > 0,
	})
	r := c.refund
	r.Status, r.StripeRefund, r.Amount = billing.RefundMade, made.ID, max(made.Amount, 0)
	var ge *billing.GatewayError
	if errors.As(err, &ge) && !ge.Resend() {
		r, err = w.refusedRefund(ctx, c.refund, ge)
	}
	if made.Status == "failed" || made.Status == "canceled" {
		r.Status, r.Failure = billing.RefundFailed, "Stripe says that it "+made.Status
	}
	if r.Amount == 0 { // a server that does not say
		r.Amount = c.refund.Amount
	}
	ctx = context.WithoutCancel(ctx)
	if err != nil {
		return w.refundLater(ctx, c, err)
	}
	return w.recordRefund(ctx, c, r)
}

// refusedRefund tells a refund that was made before, whose answer was lost, from one that can't be made.
func (w *Worker) refusedRefund(ctx context.Context, r billing.Refund, why *billing.GatewayError) (billing.Refund, error) {
	p, err := w.Gateway.Payment(ctx, r.PaymentIntent)
	if err != nil && !errors.Is(err, billing.ErrNotFound) {
		return r, err
	}
	if err == nil && p.AmountRefunded >= p.Amount && p.Amount > 0 {
		r.Status = billing.RefundMade
		return r, nil
	}
	r.Status, r.Failure = billing.RefundFailed, why.Failure.Message
	return r, nil
}

// recordRefund notes what came of it. What became of the money is told by Stripe's events, and written by them.
func (w *Worker) recordRefund(ctx context.Context, sent call, r billing.Refund) error {
	return w.inPlan(ctx, sent.planID, func(t *planTx) error {
		c, err := t.charge(r.ChargeID)
		if err != nil {
			return err
		}
		open, err := t.openRefund(ctx, c)
		if err != nil || open.ID != r.ID {
			return err
		}
		r.UpdatedAt = t.now
		if err := t.UpdateRefund(ctx, r); err != nil {
			return err
		}
		t.rest(c)
		c.Reason = reversalReason(*c, c.Status)
		if r.Status == billing.RefundFailed {
			c.Reason = "it was not refunded: " + r.Failure
			t.audit(c, billing.ActorStripe, "charge.refund_failed", fmt.Sprintf("charge %d: %s was not given back: %s", c.Sequence,
				billing.FormatAmount(r.Amount, r.Currency), r.Failure), "refund it at Stripe, or by another way")
			return nil
		}
		t.audit(c, billing.ActorTranche, "charge.refund_made", fmt.Sprintf("charge %d: Stripe was asked to give back %s, and took it", c.Sequence,
			billing.FormatAmount(r.Amount, r.Currency)), "Stripe tells when the money is on its way")
		return nil
	})
}

// tellRefund owes the customer the notice that money was given back. Of a refund that was ordered here the notice of the
// cancellation told already, unless the merchant wanted nothing told.
func (t *planTx) tellRefund(ctx context.Context, c *billing.Charge, p billing.RecordedPayment) error {
	given := p.AmountRefunded - c.AmountRefunded
	if given <= 0 || t.customer.Email == "" || !t.customer.ErasedAt.IsZero() {
		return nil
	}
	refunds, err := t.Refunds(ctx, c.ID)
	if err != nil {
		return err
	}
	for _, r := range refunds {
		if r.Status != billing.RefundFailed {
			return nil
		}
	}
	n := t.draft(billing.NoticeRefundMade, fmt.Sprintf("%s:%d", billing.NoticeRefundMade, p.AmountRefunded))
	n.ChargeID, n.Data.Amount, n.Data.Sequence, n.Data.DueAt = c.ID, given, c.Sequence, c.DueAt
	return t.owe(ctx, n)
}

// refundLater leaves the charge due, with the reason.
func (w *Worker) refundLater(ctx context.Context, sent call, why error) error {
	return w.inPlan(ctx, sent.planID, func(t *planTx) error {
		c, err := t.charge(sent.refund.ChargeID)
		if err != nil || c.NextAttemptAt.IsZero() {
			return err
		}
		t.putOff(c, fmt.Errorf("it is not refunded at Stripe yet: %w", why))
		return nil
	})
}

// paidTwice notes that Stripe was paid for a charge that the merchant took as paid elsewhere: the customer did both.
func (t *planTx) paidTwice(c *billing.Charge, pi billing.PaymentIntent) {
	c.PaidOutside, c.PaymentIntent, c.PaidAt = false, pi.ID, t.now
	c.Reason = "paid outside Stripe, and at Stripe too"
	t.rest(c)
	t.audit(c, billing.ActorStripe, "charge.paid_twice",
		fmt.Sprintf("charge %d of %s was taken as paid outside Stripe, and %s succeeded", c.Sequence, billing.FormatAmount(c.Amount, c.Currency), pi.ID),
		"give one of the two back")
}

// countAgain takes a charge that was dropped back into the plan's total: the customer paid it in the last moment.
func (t *planTx) countAgain(ctx context.Context, c *billing.Charge) error {
	if !c.Dropped {
		return nil
	}
	before, err := billing.AgreementOf(t.plan, t.agreed(c, billing.ChargeCanceled))
	if err != nil {
		return err
	}
	c.Dropped = false
	t.plan.Total += c.Amount
	after, err := billing.AgreementOf(t.plan, t.charges)
	if err != nil {
		return err
	}
	what := fmt.Sprintf("charge %d of %s was taken out, and paid in the same moment: it counts again", c.Sequence, billing.FormatAmount(c.Amount, c.Currency))
	t.entries = append(t.entries, t.planEntry("plan.total_changed", what, "give the money back at Stripe if it is not owed"))
	return billing.AddVersion(ctx, t.Tx, t.plan, before, after, t.now, billing.ActorCustomer, what)
}

// agreed is the plan's charges as they were while one of them had another status.
func (t *planTx) agreed(c *billing.Charge, was billing.ChargeStatus) []billing.Charge {
	before := make([]billing.Charge, len(t.charges))
	copy(before, t.charges)
	for i := range before {
		if before[i].ID == c.ID {
			before[i].Status = was
		}
	}
	return before
}
