package jobs

import (
	"context"
	"errors"
	"fmt"

	"tranche/internal/billing"
)

// errOutrun: the charge was changed while Stripe was asked, so what Stripe said may be old news.
var errOutrun = errors.New("the charge was changed while Stripe was asked about it")

// maxOutrun bounds how often Stripe is asked again in one go.
const maxOutrun = 3

// handleReversal follows refunds and disputes. Whichever event told of one, the payment is fetched with all that became
// of its money, and the charge is brought to that state. A full refund and a dispute pause the plan: nothing more is
// charged until the merchant resumes it.
func (w *Worker) handleReversal(ctx context.Context, e billing.Event) (verdict, error) {
	id := e.PaymentIntent()
	if id == "" {
		return ignored("it names no PaymentIntent"), nil
	}
	v, err := w.followReversal(ctx, e, id)
	for n := 1; errors.Is(err, errOutrun) && n < maxOutrun; n++ {
		v, err = w.followReversal(ctx, e, id)
	}
	return v, err
}

// followReversal reads the charge before it asks Stripe, and writes only if nobody changed the charge in between: so the
// state that is written last was read last.
func (w *Worker) followReversal(ctx context.Context, e billing.Event, id string) (verdict, error) {
	row, err := w.Store.ChargeByPaymentIntent(ctx, id)
	if err != nil && !errors.Is(err, billing.ErrNotFound) {
		return verdict{}, err
	}
	p, err := w.Gateway.Payment(ctx, id)
	if errors.Is(err, billing.ErrNotFound) {
		return ignored("Stripe has no PaymentIntent %s", id), nil
	}
	if err != nil {
		return verdict{}, err
	}
	if p.Status != billing.IntentSucceeded {
		return ignored("the PaymentIntent is %s: nothing was paid", p.Status), nil
	}
	if row.PaymentIntent != id || !row.Status.Settled() || row.PaidOutside {
		return w.paidFirst(ctx, e, row, p)
	}
	return handled, w.inPlan(ctx, row.PlanID, func(t *planTx) error {
		c, err := t.charge(row.ID)
		if err != nil {
			return err
		}
		if c.Version != row.Version {
			return errOutrun
		}
		return t.reverse(ctx, c, p)
	})
}

// paidFirst records the payment that the reversal is about, when its own event has not come yet.
func (w *Worker) paidFirst(ctx context.Context, e billing.Event, row billing.Charge, p billing.RecordedPayment) (verdict, error) {
	paid := e
	paid.ObjectID = p.ID
	v, err := w.handlePaymentIntent(ctx, paid)
	if err != nil || v.status != billing.EventHandled {
		return v, err
	}
	if row, err = w.Store.ChargeByPaymentIntent(ctx, p.ID); err != nil {
		return verdict{}, err
	}
	if !row.Status.Settled() || row.PaidOutside {
		return ignored("charge %s is %s, not paid", row.ID, row.Status), nil
	}
	return verdict{}, errOutrun // now it can be reversed
}

// reverse brings a paid charge to the state of its money at Stripe.
func (t *planTx) reverse(ctx context.Context, c *billing.Charge, p billing.RecordedPayment) error {
	to := p.StatusAfterReversals()
	if c.Status == to && c.AmountRefunded == p.AmountRefunded && c.DisputeStatus == p.Dispute {
		return nil
	}
	if c.AmountRefunded != p.AmountRefunded {
		t.noteRefund(c, p)
		if err := t.tellRefund(ctx, c, p); err != nil {
			return err
		}
	}
	if c.DisputeStatus != p.Dispute {
		t.audit(c, billing.ActorStripe, "charge.disputed", fmt.Sprintf("charge %d: the dispute about %s is %s", c.Sequence, p.ID, spoken(p.Dispute)), "")
	}
	was := c.Status
	c.AmountRefunded, c.DisputeStatus = p.AmountRefunded, p.Dispute
	next, wake := c.NextAttemptAt, c.WakeAt // while a refund that was ordered is not made
	if err := t.move(c, to, reversalReason(*c, to), next); err != nil {
		return err
	}
	c.WakeAt = wake
	if to != was && to != billing.ChargeSucceeded {
		t.pause(fmt.Sprintf("charge %d was %s", c.Sequence, to))
	}
	return nil
}

func (t *planTx) noteRefund(c *billing.Charge, p billing.RecordedPayment) {
	message := fmt.Sprintf("charge %d: %s of %s was refunded", c.Sequence,
		billing.FormatAmount(p.AmountRefunded, c.Currency), billing.FormatAmount(c.Amount, c.Currency))
	if p.AmountRefunded < c.AmountRefunded {
		message = fmt.Sprintf("charge %d: a refund failed; %s of %s is refunded", c.Sequence,
			billing.FormatAmount(p.AmountRefunded, c.Currency), billing.FormatAmount(c.Amount, c.Currency))
	}
	t.audit(c, billing.ActorStripe, "charge.refunded", message, "")
}

// reversalReason explains a charge whose money did not simply stay.
func reversalReason(c billing.Charge, to billing.ChargeStatus) string {
	switch {
	case to == billing.ChargeDisputed:
		return "the cardholder disputes the payment: " + spoken(c.DisputeStatus)
	case to == billing.ChargeRefunded:
		return "refunded in full"
	case c.AmountRefunded > 0:
		return billing.FormatAmount(c.AmountRefunded, c.Currency) + " of it was refunded"
	}
	return ""
}

// pause keeps the plan from charging anything until somebody resumes it.
func (t *planTx) pause(why string) {
	if !t.plan.Status.Collects() {
		return
	}
	t.plan.Status, t.plan.Reason, t.plan.PausedAt = billing.PlanPaused, why, t.now
	t.entries = append(t.entries, t.planEntry("plan.paused", fmt.Sprintf("plan %s is paused: %s", t.plan.Reference, why),
		"nothing is charged until it is resumed"))
}
