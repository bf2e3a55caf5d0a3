package collect

import (
	"context"
	"errors"
	"fmt"

	"tranche/internal/billing"
	"tranche/internal/money"
	"tranche/internal/planwork"
)

// FindOpenRefund returns the refund of a charge that was ordered and is not made yet, or a zero
// one. Errors: billing.ErrUnavailable.
func FindOpenRefund(ctx context.Context, t *planwork.Tx, c *billing.Charge) (billing.Refund, error) {
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

// sendRefund asks Stripe to refund the remainder of a payment, under the key that was stored with
// the order. After a temporary failure the charge stays due, and the same request is sent again. A
// late repeat does not refund twice: Stripe then reports that nothing is left, and the payment
// itself confirms it.
type sendRefund struct {
	planID  billing.PlanID
	refund  billing.Refund
	connect billing.Connect // of the payment that is refunded
}

func (c sendRefund) run(ctx context.Context, co *Collector) error {
	var made billing.StripeRefund
	params := billing.RefundParams{
		PaymentIntent: c.refund.PaymentIntent, Metadata: map[string]string{
			billing.MetaPlan: string(c.planID), billing.MetaCharge: string(c.refund.ChargeID), billing.MetaRefund: string(c.refund.ID),
		},
		ReverseTransfer: c.connect.TransferDestination != "", RefundFee: c.connect.Fee(c.refund.Amount, c.refund.Currency) > 0,
	}
	// A refund that was carried out although Stripe answered 500 is refused under the next key,
	// because nothing is left. It is then looked up.
	err := billing.UnderKey(c.refund.IdempotencyKey, func(key string) (err error) {
		made, err = co.Gateway.CreateRefund(ctx, key, params)
		return err
	})
	var ge *billing.GatewayError
	refused := errors.As(err, &ge) && !ge.Resend()
	if refused {
		made, err = co.refundedBefore(ctx, c.refund)
	}
	ctx = context.WithoutCancel(ctx)
	switch {
	case err != nil:
		return co.refundLater(ctx, c, err)
	case refused && made.Status == "":
		return co.recordRefund(ctx, c, func(t *planwork.Tx, charge *billing.Charge, r billing.Refund) error {
			return refundRefused(ctx, t, charge, r, ge.Failure.Message)
		})
	}
	return co.recordRefund(ctx, c, func(t *planwork.Tx, charge *billing.Charge, r billing.Refund) error {
		if made.Failed() {
			return RecordRefundFailed(ctx, t, charge, r, made)
		}
		return RecordRefundAccepted(ctx, t, charge, r, made)
	})
}

// refundedBefore returns the refund of an order whose answer was lost: its payment is refunded in
// full. If money is left, it returns no status, because then the refund was refused.
func (co *Collector) refundedBefore(ctx context.Context, r billing.Refund) (billing.StripeRefund, error) {
	p, err := co.Gateway.Payment(ctx, r.PaymentIntent)
	if errors.Is(err, billing.ErrNotFound) {
		return billing.StripeRefund{}, nil
	}
	if err != nil {
		return billing.StripeRefund{}, err
	}
	if p.AmountRefunded < p.Amount || p.Amount <= 0 {
		return billing.StripeRefund{}, nil
	}
	return billing.StripeRefund{Status: "succeeded", PaymentIntent: r.PaymentIntent, Amount: r.Amount}, nil
}

// recordRefund records the outcome of an order, unless an event from Stripe has done so already.
func (co *Collector) recordRefund(ctx context.Context, sent sendRefund, write func(t *planwork.Tx, c *billing.Charge, r billing.Refund) error) error {
	return co.Do(ctx, sent.planID, func(t *planwork.Tx) error {
		c, err := t.Charge(sent.refund.ChargeID)
		if err != nil {
			return err
		}
		open, err := FindOpenRefund(ctx, t, c)
		if err != nil || open.ID != sent.refund.ID {
			return err
		}
		return write(t, c, open)
	})
}

// refundRefused records that Stripe permanently refuses an order. An operator must act.
func refundRefused(ctx context.Context, t *planwork.Tx, c *billing.Charge, r billing.Refund, why string) error {
	r.Status, r.Failure, r.UpdatedAt = billing.RefundFailed, why, t.Now
	if err := t.UpdateRefund(ctx, r); err != nil {
		return err
	}
	t.ClearSchedule(c)
	c.Reason = "it was not refunded: " + why
	amount := money.FormatAmount(r.Amount, r.Currency)
	t.AuditBy(c, billing.ActorStripe, "charge.refund_failed", fmt.Sprintf("charge %d: Stripe refused the refund of %s: %s", c.Sequence, amount, why),
		"refund it at Stripe, or in another way")
	return refundIncident(ctx, t, c, r, why)
}

// refundIncident opens the incident of an order that Stripe refuses.
func refundIncident(ctx context.Context, t *planwork.Tx, c *billing.Charge, r billing.Refund, why string) error {
	detail := fmt.Sprintf("charge %d: Stripe refuses to refund %s of %s: %s", c.Sequence, money.FormatAmount(r.Amount, r.Currency), r.PaymentIntent, why)
	return t.OpenChargeIncident(ctx, c, billing.IncidentRefundRefused, string(r.ID), detail)
}

// refundLater leaves the charge due and records the reason. A key that lacks the permission needs
// an operator, so it opens an incident. The refund is made once the key has the permission.
func (co *Collector) refundLater(ctx context.Context, sent sendRefund, why error) error {
	return co.Do(ctx, sent.planID, func(t *planwork.Tx) error {
		c, err := t.Charge(sent.refund.ChargeID)
		if err != nil || c.NextAttemptAt.IsZero() {
			return err
		}
		t.Defer(c, fmt.Errorf("it is not refunded at Stripe yet: %w", why))
		var ge *billing.GatewayError
		if errors.As(why, &ge) && ge.Kind == billing.GatewayUnauthorized {
			return refundIncident(ctx, t, c, sent.refund, ge.Error())
		}
		return nil
	})
}
