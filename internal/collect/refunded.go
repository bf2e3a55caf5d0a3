package collect

import (
	"context"
	"fmt"
	"strings"

	"tranche/internal/billing"
	"tranche/internal/money"
	"tranche/internal/planwork"
)

// RecordRefundFailed records that a refund failed after Stripe accepted it. The money is back in
// the merchant's account, so an operator must pay the customer in another way. A customer who was
// promised the refund is notified. order is the refund's order here, or zero if the refund was made
// elsewhere. A failure that is recorded already changes nothing. Errors: the transaction's.
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

// ReversalReason returns the reason of a charge that becomes refunded or disputed, or keeps its
// status after a partial refund. It is empty for a charge without refund and dispute.
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

// RecordRefundAccepted records that Stripe accepted a refund that was ordered here, and notifies
// the customer, who is promised nothing before that. It closes the incidents about the order.
// Errors: the transaction's.
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

// NotifyRefund notifies the customer of a refund that was made in Stripe's dashboard. A refund that
// was ordered here has its own notice. c still holds the amount that was refunded before. Errors:
// those of the transaction.
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
