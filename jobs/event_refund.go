package jobs

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"tranche/internal/billing"
	"tranche/internal/money"
)

// fetchRefund fetches a refund from Stripe. It returns a zero refund if Stripe does not have it.
func (w *Worker) fetchRefund(ctx context.Context, s subject) (subject, error) {
	refund, err := w.Gateway.Refund(ctx, s.refund.ID)
	if errors.Is(err, billing.ErrNotFound) {
		s.refund = billing.StripeRefund{}
		return s, nil
	}
	s.refund, s.payment = refund, refund.PaymentIntent
	return s, err
}

// handleRefund follows a refund to its current state, whichever event reported it: a refund made
// here or in Stripe's dashboard, accepted, or failed at the bank days later.
func (w *Worker) handleRefund(ctx context.Context, e billing.Event, about subject) (verdict, error) {
	if about.refund.ID == "" {
		return ignored("Stripe has no refund %s", e.ObjectID), nil
	}
	if about.payment == "" {
		return ignored("the refund names no PaymentIntent"), nil
	}
	return w.followMoney(ctx, e, about.payment, &about.refund)
}

// followRefund updates a refund order to the state of the refund at Stripe. Changes go only
// forward: a refund that failed stays failed.
func (t *planTx) followRefund(ctx context.Context, c *billing.Charge, refund billing.StripeRefund) error {
	order, err := t.orderOf(ctx, c, refund)
	switch {
	case err != nil:
		return err
	case refund.Failed():
		return t.refundFailed(ctx, c, order, refund)
	case order.Status == billing.RefundOpen:
		return t.refundAccepted(ctx, c, order, refund)
	}
	return nil
}

// orderOf finds the order of a refund at Stripe. It returns a zero order for a refund that was made
// elsewhere.
func (t *planTx) orderOf(ctx context.Context, c *billing.Charge, refund billing.StripeRefund) (billing.Refund, error) {
	orders, err := t.Refunds(ctx, c.ID)
	for _, r := range orders {
		unnamed := r.StripeRefund == "" && r.Status == billing.RefundMade && r.PaymentIntent == refund.PaymentIntent
		if string(r.ID) == refund.Metadata[billing.MetaRefund] || r.StripeRefund != "" && r.StripeRefund == refund.ID || unnamed {
			return r, nil
		}
	}
	return billing.Refund{}, err
}

// refundFailed records that a refund failed after Stripe accepted it. The money is back in the
// merchant's account, so an operator must pay the customer in another way. A customer who was
// promised the refund is notified.
func (t *planTx) refundFailed(ctx context.Context, c *billing.Charge, order billing.Refund, refund billing.StripeRefund) error {
	if known, err := t.Incidents(ctx, billing.IncidentFilter{Kind: billing.IncidentRefundFailed, Subject: refund.ID, Limit: 1}); err != nil || len(known) > 0 {
		return err
	}
	if order.ID != "" {
		if order.Status == billing.RefundOpen {
			t.rest(c)
		}
		order.Status, order.StripeRefund, order.Failure, order.UpdatedAt = billing.RefundFailed, refund.ID, refund.Why(), t.now
		if err := t.UpdateRefund(ctx, order); err != nil {
			return err
		}
	}
	amount := money.FormatAmount(refund.Amount, c.Currency)
	c.Reason = "it was not refunded: " + refund.Why()
	t.touch(c)
	t.auditBy(c, billing.ActorStripe, "charge.refund_failed", fmt.Sprintf("charge %d: the refund of %s failed: %s", c.Sequence, amount, refund.Why()),
		"pay the customer in another way")
	detail := fmt.Sprintf("charge %d: refund %s of %s failed: %s", c.Sequence, refund.ID, amount, refund.Why())
	if err := t.openIncident(ctx, c, billing.IncidentRefundFailed, refund.ID, detail); err != nil {
		return err
	}
	promised, err := t.promised(ctx, c, order)
	if err != nil || !promised {
		return err
	}
	return t.refundNotice(ctx, c, billing.NoticeRefundFailed, string(billing.NoticeRefundFailed)+":"+refund.ID, refund.Amount)
}

// promised reports whether a mail promised the customer the refund of an order. A zero order stands
// for a refund that was made elsewhere.
func (t *planTx) promised(ctx context.Context, c *billing.Charge, order billing.Refund) (bool, error) {
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

// refundedAtLast closes the incidents of refused and failed refunds once the payment is refunded in
// full.
func (t *planTx) refundedAtLast(ctx context.Context, c *billing.Charge, p billing.RecordedPayment) error {
	if p.Amount <= 0 || p.AmountRefunded < p.Amount {
		return nil
	}
	open, err := t.OpenIncidents(ctx, t.plan.ID)
	for _, i := range open {
		refund := i.Kind == billing.IncidentRefundRefused || i.Kind == billing.IncidentRefundFailed
		if err == nil && refund && i.ChargeID == c.ID {
			_, err = t.CloseIncident(ctx, i.ID, "the payment is refunded at Stripe", t.now)
		}
	}
	return err
}
