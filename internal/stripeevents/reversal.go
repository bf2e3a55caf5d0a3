package stripeevents

import (
	"context"
	"errors"

	"tranche/internal/billing"
	"tranche/internal/collect"
	"tranche/internal/planwork"
)

// errOutrun reports that the charge changed during a call to Stripe, so Stripe's answer may be out
// of date.
var errOutrun = errors.New("the charge was changed while Stripe was asked about it")

// maxOutrun bounds how often Stripe is asked again within one task.
const maxOutrun = 3

// handleReversal handles refunds and disputes. Whichever event reported one, the payment is fetched
// with its refunds and disputes, and the charge is updated to that state. A full refund and a
// dispute pause the plan: nothing more is charged until the merchant resumes it.
func (h *Handler) handleReversal(ctx context.Context, e billing.Event, about subject) (verdict, error) {
	if about.payment == "" {
		return ignored("it names no PaymentIntent"), nil
	}
	return h.followMoney(ctx, e, about.payment, nil)
}

// followMoney follows the refunds and disputes of one payment. refund is the refund that the event
// is about, or nil.
func (h *Handler) followMoney(ctx context.Context, e billing.Event, id string, refund *billing.StripeRefund) (verdict, error) {
	return h.followPayment(ctx, e, id, func(ctx context.Context, f found) error {
		return h.Do(ctx, f.charge.PlanID, func(t *planwork.Tx) error {
			c, err := t.Charge(f.charge.ID)
			if err != nil {
				return err
			}
			if c.Version != f.charge.Version {
				return errOutrun
			}
			if f.second {
				err = followDuplicate(ctx, t, c, f.payment)
			} else {
				err = reverse(ctx, t, c, f.payment)
			}
			if err != nil || refund == nil {
				return err
			}
			return followRefund(ctx, t, c, *refund)
		})
	})
}

// found is the payment that an event is about, and the charge that it paid.
type found struct {
	charge  billing.Charge
	payment billing.RecordedPayment
	second  bool // it is a second payment of the charge
}

// followPayment passes the payment of an event about a refund, a dispute or a fraud warning to do.
// A payment that is not recorded yet is recorded first, because events come in any order. If the
// payment belongs to no plan, the event awaits it. do returns errOutrun if the charge has changed
// since it was read.
func (h *Handler) followPayment(ctx context.Context, e billing.Event, id string, do func(ctx context.Context, f found) error) (verdict, error) {
	v, err := h.tryPayment(ctx, e, id, do)
	for n := 1; errors.Is(err, errOutrun) && n < maxOutrun; n++ {
		v, err = h.tryPayment(ctx, e, id, do)
	}
	return v, err
}

// tryPayment reads the charge before it asks Stripe, and writes only if the charge did not change
// in between. The state that is written last is therefore the state that was read last.
func (h *Handler) tryPayment(ctx context.Context, e billing.Event, id string, do func(ctx context.Context, f found) error) (verdict, error) {
	row, err := collect.ChargePaidTwiceBy(ctx, h.Store, id)
	second := err == nil
	if errors.Is(err, billing.ErrNotFound) {
		row, err = h.Store.ChargeByPaymentIntent(ctx, id)
	}
	if err != nil && !errors.Is(err, billing.ErrNotFound) {
		return verdict{}, err
	}
	p, err := h.Gateway.Payment(ctx, id)
	if errors.Is(err, billing.ErrNotFound) {
		return verdict{}, notHere("PaymentIntent", id)
	}
	if err != nil {
		return verdict{}, err
	}
	if p.Status != billing.IntentSucceeded {
		return ignored("the PaymentIntent is %s: nothing was paid", p.Status), nil
	}
	if !second && (row.PaymentIntent != id || !row.Status.Settled() || row.PaidOutside) {
		return h.recordPaymentFirst(ctx, e, row, p)
	}
	return handled, do(ctx, found{charge: row, payment: p, second: second})
}

// recordPaymentFirst records the payment that an event is about if the payment's own event has not
// come yet.
func (h *Handler) recordPaymentFirst(ctx context.Context, e billing.Event, row billing.Charge, p billing.RecordedPayment) (verdict, error) {
	paid := e
	paid.Type, paid.ObjectID = "payment_intent.succeeded", p.ID
	v, err := paymentKind().run(ctx, h, paid)
	if row.ID == "" && v.status == billing.EventIgnored {
		v.awaits = p.ID
	}
	if err != nil || v.status != billing.EventHandled {
		return v, err
	}
	row, err = h.Store.ChargeByPaymentIntent(ctx, p.ID)
	if errors.Is(err, billing.ErrNotFound) {
		return verdict{}, errOutrun // the payment turned out to be a second one
	}
	if err != nil {
		return verdict{}, err
	}
	if !row.Status.Settled() || row.PaidOutside {
		return ignored("charge %s is %s, not paid", row.ID, row.Status), nil
	}
	return verdict{}, errOutrun // the payment is recorded, so it can be reversed now
}
