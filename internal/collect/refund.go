package collect

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"tranche/internal/billing"
	"tranche/internal/money"
	"tranche/internal/planwork"
)

// RecordRefundFailed records that a refund failed after Stripe accepted it. The money is back in
// the merchant's account, so an operator must pay the customer in another way. A customer who was
// promised the refund is notified.
func RecordRefundFailed(ctx context.Context, t *planwork.Tx, c *billing.Charge, order billing.Refund, refund billing.StripeRefund) error {
	if known, err := t.Incidents(ctx, billing.IncidentFilter{Kind: billing.IncidentRefundFailed, Subject: refund.ID, Limit: 1}); err != nil || len(known) > 0 {
		return err
	}
	if order.ID != "" {
		if order.Status == billing.RefundOpen {
			t.ClearSchedule(c)
		}
		order.Status, order.StripeRefund, order.Failure, order.UpdatedAt = billing.RefundFailed, refund.ID, refund.Why(), t.Now
		if err := t.UpdateRefund(ctx, order); err != nil {
			return err
		}
	}
	amount := money.FormatAmount(refund.Amount, c.Currency)
	c.Reason = "it was not refunded: " + refund.Why()
	t.Touch(c)
	t.AuditBy(c, billing.ActorStripe, "charge.refund_failed", fmt.Sprintf("charge %d: the refund of %s failed: %s", c.Sequence, amount, refund.Why()),
		"pay the customer in another way")
	detail := fmt.Sprintf("charge %d: refund %s of %s failed: %s", c.Sequence, refund.ID, amount, refund.Why())
	if err := t.OpenChargeIncident(ctx, c, billing.IncidentRefundFailed, refund.ID, detail); err != nil {
		return err
	}
	promised, err := promised(ctx, t, c, order)
	if err != nil || !promised {
		return err
	}
	return refundNotice(ctx, t, c, billing.NoticeRefundFailed, string(billing.NoticeRefundFailed)+":"+refund.ID, refund.Amount)
}

// promised reports whether a mail promised the customer the refund of an order. A zero order stands
// for a refund that was made elsewhere.
func promised(ctx context.Context, t *planwork.Tx, c *billing.Charge, order billing.Refund) (bool, error) {
	for n, err := range billing.EachNotice(ctx, t.Tx, billing.NoticeFilter{Charge: c.ID}) {
		if err != nil {
			return false, err
		}
		ours := strings.HasPrefix(n.Step, billing.Refund{ID: "rfd_"}.NoticeStep())
		mine := order.ID == "" && !ours || order.ID != "" && n.Step == order.NoticeStep()
		if n.Kind == billing.NoticeRefundMade && n.Status != billing.NoticeFailed && n.Status != billing.NoticeDropped && mine {
			return true, nil
		}
	}
	return false, nil
}

// ReversalReason explains a charge that was refunded or disputed.
func ReversalReason(c billing.Charge, to billing.ChargeStatus) string {
	switch {
	case to == billing.ChargeDisputed:
		return "the cardholder disputes the payment: " + planwork.Spoken(c.DisputeStatus)
	case to == billing.ChargeRefunded:
		return "refunded in full"
	case c.AmountRefunded > 0:
		return money.FormatAmount(c.AmountRefunded, c.Currency) + " of it was refunded"
	}
	return ""
}

// FindOpenRefund returns the refund of a charge that was ordered and is not made yet, or a zero
// one.
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

// sendRefund asks Stripe to refund the remainder of a payment, under the key that was stored
// with the order. After a temporary failure the charge stays due, and the same request is sent
// again. A late repeat does not refund twice: Stripe then reports that nothing is left, and the
// payment itself confirms it.
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

// RecordRefundAccepted records that Stripe accepted a refund that was ordered here, and notifies
// the customer, who is promised nothing before that. It closes the incidents about the order.
func RecordRefundAccepted(ctx context.Context, t *planwork.Tx, c *billing.Charge, r billing.Refund, made billing.StripeRefund) error {
	r.Status, r.StripeRefund, r.UpdatedAt = billing.RefundMade, made.ID, t.Now
	if made.Amount > 0 {
		r.Amount = made.Amount
	}
	if err := t.UpdateRefund(ctx, r); err != nil {
		return err
	}
	t.ClearSchedule(c)
	c.Reason = ReversalReason(*c, c.Status)
	amount := money.FormatAmount(r.Amount, r.Currency)
	t.Audit(c, "charge.refund_made", fmt.Sprintf("charge %d: Stripe accepted the refund of %s", c.Sequence, amount),
		"Stripe reports when the money is on its way")
	for kind, subject := range map[billing.IncidentKind]string{billing.IncidentRefundRefused: string(r.ID), billing.IncidentPaidTwice: r.PaymentIntent} {
		if err := t.CloseIncidents(ctx, kind, subject, "Stripe accepted the refund of "+amount, t.Now); err != nil {
			return err
		}
	}
	return refundNotice(ctx, t, c, billing.NoticeRefundMade, r.NoticeStep(), r.Amount)
}

// refundNotice adds a notice about a refund to the outbox.
func refundNotice(ctx context.Context, t *planwork.Tx, c *billing.Charge, kind billing.NoticeKind, step string, amount int64) error {
	if t.Customer.Email == "" || !t.Customer.ErasedAt.IsZero() {
		return nil
	}
	n := t.Draft(kind, step)
	n.ChargeID, n.Data.Amount, n.Data.Sequence, n.Data.DueAt = c.ID, amount, c.Sequence, c.DueAt
	return t.EnqueueNotice(ctx, n)
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

// NotifyRefund notifies the customer of a refund that was made in Stripe's dashboard. A refund that
// was ordered here has its own notice.
func NotifyRefund(ctx context.Context, t *planwork.Tx, c *billing.Charge, p billing.RecordedPayment) error {
	given := p.AmountRefunded - c.AmountRefunded
	if given <= 0 {
		return nil
	}
	refunds, err := t.Refunds(ctx, c.ID)
	if err != nil {
		return err
	}
	for _, r := range refunds {
		if r.Status != billing.RefundFailed && r.PaymentIntent == p.ID {
			return nil
		}
	}
	return refundNotice(ctx, t, c, billing.NoticeRefundMade, fmt.Sprintf("%s:%d", billing.NoticeRefundMade, p.AmountRefunded), given)
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
