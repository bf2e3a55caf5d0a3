package stripeevents

import (
	"context"
	"errors"

	"tranche/internal/billing"
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
