package stripeevents

import (
	"context"

	"tranche/internal/billing"
	"tranche/internal/collect"
	"tranche/internal/planwork"
)

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

// acceptOrders records an open refund order as made if its payment is refunded in full: the refund
// was made in Stripe's dashboard, or the answer to our request was lost.
func acceptOrders(ctx context.Context, t *planwork.Tx, c *billing.Charge, p billing.RecordedPayment) error {
	if p.Amount <= 0 || p.AmountRefunded < p.Amount {
		return nil
	}
	open, err := collect.FindOpenRefund(ctx, t, c)
	if err != nil || open.ID == "" || open.PaymentIntent != p.ID {
		return err
	}
	return collect.RecordRefundAccepted(ctx, t, c, open, billing.StripeRefund{})
}
