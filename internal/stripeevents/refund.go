package stripeevents

import (
	"context"
	"errors"

	"tranche/internal/billing"
	"tranche/internal/collect"
	"tranche/internal/planwork"
)

// fetchRefund fetches a refund from Stripe. It returns a zero refund if Stripe does not have it.
func (h *Handler) fetchRefund(ctx context.Context, s subject) (subject, error) {
	refund, err := h.Gateway.Refund(ctx, s.refund.ID)
	if errors.Is(err, billing.ErrNotFound) {
		s.refund = billing.StripeRefund{}
		return s, nil
	}
	s.refund, s.payment = refund, refund.PaymentIntent
	return s, err
}

// handleRefund follows a refund to its current state, whichever event reported it: a refund made
// here or in Stripe's dashboard, accepted, or failed at the bank days later.
func (h *Handler) handleRefund(ctx context.Context, e billing.Event, about subject) (verdict, error) {
	if about.refund.ID == "" {
		return ignored("Stripe has no refund %s", e.ObjectID), nil
	}
	if about.payment == "" {
		return ignored("the refund names no PaymentIntent"), nil
	}
	return h.followMoney(ctx, e, about.payment, &about.refund)
}

// followRefund updates a refund order to the state of the refund at Stripe. Changes go only
// forward: a refund that failed stays failed.
func followRefund(ctx context.Context, t *planwork.Tx, c *billing.Charge, refund billing.StripeRefund) error {
	order, err := orderOf(ctx, t, c, refund)
	switch {
	case err != nil:
		return err
	case refund.Failed():
		return collect.RecordRefundFailed(ctx, t, c, order, refund)
	case order.Status == billing.RefundOpen:
		return collect.RecordRefundAccepted(ctx, t, c, order, refund)
	}
	return nil
}

// orderOf finds the order of a refund at Stripe. It returns a zero order for a refund that was made
// elsewhere.
func orderOf(ctx context.Context, t *planwork.Tx, c *billing.Charge, refund billing.StripeRefund) (billing.Refund, error) {
	orders, err := t.Refunds(ctx, c.ID)
	for _, r := range orders {
		unnamed := r.StripeRefund == "" && r.Status == billing.RefundMade && r.PaymentIntent == refund.PaymentIntent
		if string(r.ID) == refund.Metadata[billing.MetaRefund] || r.StripeRefund != "" && r.StripeRefund == refund.ID || unnamed {
			return r, nil
		}
	}
	return billing.Refund{}, err
}

// refundedAtLast closes the incidents of refused and failed refunds once the payment is refunded in
// full.
func refundedAtLast(ctx context.Context, t *planwork.Tx, c *billing.Charge, p billing.RecordedPayment) error {
	if p.Amount <= 0 || p.AmountRefunded < p.Amount {
		return nil
	}
	open, err := t.OpenIncidents(ctx, t.Plan.ID)
	for _, i := range open {
		refund := i.Kind == billing.IncidentRefundRefused || i.Kind == billing.IncidentRefundFailed
		if err == nil && refund && i.ChargeID == c.ID {
			_, err = t.CloseIncident(ctx, i.ID, "the payment is refunded at Stripe", t.Now)
		}
	}
	return err
}
