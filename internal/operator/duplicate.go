package operator

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"tranche/internal/billing"
)

// errOrdered rolls back a second order of the same refund.
var errOrdered = errors.New("the refund is ordered already")

// RefundDuplicate orders the refund of a charge's second payment, the oldest if there are several.
// A worker requests it from Stripe. While the order is open, a second call changes nothing. It is
// refused if no second payment is open. Errors: see Skip.
func (o *Operator) RefundDuplicate(ctx context.Context, id billing.ChargeID) (Result, error) {
	row, err := o.store.Charge(ctx, id)
	if err != nil {
		return Result{}, err
	}
	var r Result
	c, err := o.inPlan(ctx, row.PlanID, func(c *change) (billing.AuditEntry, error) {
		entry, err := c.refundDuplicate(ctx, id)
		r = Result{Plan: c.Plan, Charges: slices.Clone(c.Charges), Message: entry.Message, Next: entry.Next}
		return entry, err
	})
	if errors.Is(err, errOrdered) {
		return r, nil
	}
	if err != nil {
		return Result{}, err
	}
	r.Plan, r.Charges = c.Plan, c.Charges
	return r, nil
}

func (c *change) refundDuplicate(ctx context.Context, id billing.ChargeID) (billing.AuditEntry, error) {
	i := slices.IndexFunc(c.Charges, func(ch billing.Charge) bool { return ch.ID == id })
	if i < 0 {
		return billing.AuditEntry{}, fmt.Errorf("charge %s: %w", id, billing.ErrNotFound)
	}
	ch := c.Charges[i]
	second, more, err := c.secondPayment(ctx, ch)
	if err != nil {
		return billing.AuditEntry{}, err
	}
	entry := billing.AuditEntry{
		Action: "charge.refund_ordered", ChargeID: id,
		Message: fmt.Sprintf("charge %d is paid twice: %s is to be refunded", ch.Sequence, second.Subject), Next: "a worker refunds it at Stripe",
	}
	if more > 0 {
		entry.Next += fmt.Sprintf("; %d more payments of the charge wait to be refunded", more)
	}
	return entry, c.orderDuplicate(ctx, ch, second.Subject)
}

// secondPayment returns the oldest open incident of a second payment for a charge, and how many
// more are open.
func (c *change) secondPayment(ctx context.Context, ch billing.Charge) (second billing.Incident, more int, err error) {
	open, err := c.OpenIncidents(ctx, c.Plan.ID)
	if err != nil {
		return second, 0, err
	}
	open = slices.DeleteFunc(open, func(i billing.Incident) bool { return i.Kind != billing.IncidentPaidTwice || i.ChargeID != ch.ID })
	if len(open) == 0 {
		return second, 0, c.orRefuse(nil, OpRefundDuplicate, fmt.Sprintf("no second payment of charge %d waits to be refunded", ch.Sequence))
	}
	return open[0], len(open) - 1, nil
}

// orderDuplicate writes the order to refund a second payment, and makes the charge due, so that a
// worker carries it out. Errors: errOrdered if such an order is open.
func (c *change) orderDuplicate(ctx context.Context, ch billing.Charge, paymentIntent string) error {
	orders, err := c.Refunds(ctx, ch.ID)
	if err != nil {
		return err
	}
	for _, r := range orders {
		switch {
		case r.Status != billing.RefundOpen:
		case r.PaymentIntent == paymentIntent:
			return errOrdered
		default:
			return c.orRefuse(nil, OpRefundDuplicate, fmt.Sprintf("the refund of %s is not made yet", r.PaymentIntent))
		}
	}
	return c.order(ctx, ch, paymentIntent, ch.Amount)
}
