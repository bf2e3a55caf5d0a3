package jobs

import (
	"context"
	"errors"
	"fmt"

	"tranche/internal/billing"
	"tranche/internal/money"
)

// openRefund returns the refund of a charge that was ordered and is not made yet, or a zero one.
func (t *planTx) openRefund(ctx context.Context, c *billing.Charge) (billing.Refund, error) {
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

// refundPayment asks Stripe to refund the remainder of a payment, under the key that was stored
// with the order. After a temporary failure the charge stays due, and the same request is sent
// again. A late repeat does not refund twice: Stripe then reports that nothing is left, and the
// payment itself confirms it.
func (w *Worker) refundPayment(ctx context.Context, c call) error {
	var made billing.StripeRefund
	params := billing.RefundParams{
		PaymentIntent: c.paymentIntent, Metadata: map[string]string{
			billing.MetaPlan: string(c.planID), billing.MetaCharge: string(c.refund.ChargeID), billing.MetaRefund: string(c.refund.ID),
		},
		ReverseTransfer: c.connect.TransferDestination != "", RefundFee: c.connect.Fee(c.refund.Amount, c.refund.Currency) > 0,
	}
	// A refund that was carried out although Stripe answered 500 is refused under the next key,
	// because nothing is left. It is then looked up.
	err := billing.UnderKey(c.key, func(key string) (err error) {
		made, err = w.Gateway.CreateRefund(ctx, key, params)
		return err
	})
	var ge *billing.GatewayError
	refused := errors.As(err, &ge) && !ge.Resend()
	if refused {
		made, err = w.refundedBefore(ctx, c.refund)
	}
	ctx = context.WithoutCancel(ctx)
	switch {
	case err != nil:
		return w.refundLater(ctx, c, err)
	case refused && made.Status == "":
		return w.recordRefund(ctx, c, func(t *planTx, charge *billing.Charge, r billing.Refund) error {
			return t.refundRefused(ctx, charge, r, ge.Failure.Message)
		})
	}
	return w.recordRefund(ctx, c, func(t *planTx, charge *billing.Charge, r billing.Refund) error {
		if made.Failed() {
			return t.refundFailed(ctx, charge, r, made)
		}
		return t.refundAccepted(ctx, charge, r, made)
	})
}

// refundedBefore returns the refund of an order whose answer was lost: its payment is refunded in
// full. If money is left, it returns no status, because then the refund was refused.
func (w *Worker) refundedBefore(ctx context.Context, r billing.Refund) (billing.StripeRefund, error) {
	p, err := w.Gateway.Payment(ctx, r.PaymentIntent)
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
func (w *Worker) recordRefund(ctx context.Context, sent call, write func(t *planTx, c *billing.Charge, r billing.Refund) error) error {
	return w.inPlan(ctx, sent.planID, func(t *planTx) error {
		c, err := t.charge(sent.refund.ChargeID)
		if err != nil {
			return err
		}
		open, err := t.openRefund(ctx, c)
		if err != nil || open.ID != sent.refund.ID {
			return err
		}
		return write(t, c, open)
	})
}

// refundAccepted records that Stripe accepted a refund that was ordered here, and notifies the
// customer, who is promised nothing before that. It closes the incidents about the order.
func (t *planTx) refundAccepted(ctx context.Context, c *billing.Charge, r billing.Refund, made billing.StripeRefund) error {
	r.Status, r.StripeRefund, r.UpdatedAt = billing.RefundMade, made.ID, t.now
	if made.Amount > 0 {
		r.Amount = made.Amount
	}
	if err := t.UpdateRefund(ctx, r); err != nil {
		return err
	}
	t.rest(c)
	c.Reason = reversalReason(*c, c.Status)
	amount := money.FormatAmount(r.Amount, r.Currency)
	t.audit(c, "charge.refund_made", fmt.Sprintf("charge %d: Stripe accepted the refund of %s", c.Sequence, amount),
		"Stripe reports when the money is on its way")
	for kind, subject := range map[billing.IncidentKind]string{billing.IncidentRefundRefused: string(r.ID), billing.IncidentPaidTwice: r.PaymentIntent} {
		if err := t.CloseIncidents(ctx, kind, subject, "Stripe accepted the refund of "+amount, t.now); err != nil {
			return err
		}
	}
	return t.refundNotice(ctx, c, billing.NoticeRefundMade, r.NoticeStep(), r.Amount)
}

// refundNotice adds a notice about a refund to the outbox.
func (t *planTx) refundNotice(ctx context.Context, c *billing.Charge, kind billing.NoticeKind, step string, amount int64) error {
	if t.customer.Email == "" || !t.customer.ErasedAt.IsZero() {
		return nil
	}
	n := t.draft(kind, step)
	n.ChargeID, n.Data.Amount, n.Data.Sequence, n.Data.DueAt = c.ID, amount, c.Sequence, c.DueAt
	return t.enqueueNotice(ctx, n)
}

// refundRefused records that Stripe permanently refuses an order. An operator must act.
func (t *planTx) refundRefused(ctx context.Context, c *billing.Charge, r billing.Refund, why string) error {
	r.Status, r.Failure, r.UpdatedAt = billing.RefundFailed, why, t.now
	if err := t.UpdateRefund(ctx, r); err != nil {
		return err
	}
	t.rest(c)
	c.Reason = "it was not refunded: " + why
	amount := money.FormatAmount(r.Amount, r.Currency)
	t.auditBy(c, billing.ActorStripe, "charge.refund_failed", fmt.Sprintf("charge %d: Stripe refused the refund of %s: %s", c.Sequence, amount, why),
		"refund it at Stripe, or in another way")
	return t.refundIncident(ctx, c, r, why)
}

// refundIncident opens the incident of an order that Stripe refuses.
func (t *planTx) refundIncident(ctx context.Context, c *billing.Charge, r billing.Refund, why string) error {
	detail := fmt.Sprintf("charge %d: Stripe refuses to refund %s of %s: %s", c.Sequence, money.FormatAmount(r.Amount, r.Currency), r.PaymentIntent, why)
	return t.openIncident(ctx, c, billing.IncidentRefundRefused, string(r.ID), detail)
}

// openIncident opens an incident about a charge, unless one of its kind and subject was opened
// before: a duplicate event must not reopen an incident that an operator closed.
func (t *planTx) openIncident(ctx context.Context, c *billing.Charge, kind billing.IncidentKind, subject, detail string) error {
	before, err := t.Incidents(ctx, billing.IncidentFilter{Kind: kind, Subject: subject, Limit: 1})
	if err != nil || len(before) > 0 {
		return err
	}
	_, err = t.OpenIncident(ctx, billing.Incident{
		Kind: kind, Subject: subject, PlanID: t.plan.ID, ChargeID: c.ID, CustomerID: t.plan.CustomerID, Account: t.plan.Account, Detail: detail, OpenedAt: t.now,
	})
	return err
}

// tellRefund notifies the customer of a refund that was made in Stripe's dashboard. A refund that
// was ordered here has its own notice.
func (t *planTx) tellRefund(ctx context.Context, c *billing.Charge, p billing.RecordedPayment) error {
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
	return t.refundNotice(ctx, c, billing.NoticeRefundMade, fmt.Sprintf("%s:%d", billing.NoticeRefundMade, p.AmountRefunded), given)
}

// refundLater leaves the charge due and records the reason. A key that lacks the permission needs
// an operator, so it opens an incident. The refund is made once the key has the permission.
func (w *Worker) refundLater(ctx context.Context, sent call, why error) error {
	return w.inPlan(ctx, sent.planID, func(t *planTx) error {
		c, err := t.charge(sent.refund.ChargeID)
		if err != nil || c.NextAttemptAt.IsZero() {
			return err
		}
		t.deferCharge(c, fmt.Errorf("it is not refunded at Stripe yet: %w", why))
		var ge *billing.GatewayError
		if errors.As(why, &ge) && ge.Kind == billing.GatewayUnauthorized {
			return t.refundIncident(ctx, c, sent.refund, ge.Error())
		}
		return nil
	})
}

// countAgain takes a dropped charge back into the plan's total, because the customer paid it at the
// same time.
func (t *planTx) countAgain(ctx context.Context, c *billing.Charge) error {
	if !c.Dropped {
		return nil
	}
	before, err := billing.AgreementOf(t.plan, t.agreed(c, billing.ChargeCanceled))
	if err != nil {
		return err
	}
	c.Dropped = false
	t.plan.Total += c.Amount
	after, err := billing.AgreementOf(t.plan, t.charges)
	if err != nil {
		return err
	}
	what := fmt.Sprintf("charge %d of %s was dropped and paid at the same time: it counts again", c.Sequence, money.FormatAmount(c.Amount, c.Currency))
	t.auditPlan("plan.total_changed", what, "give the money back at Stripe if it is not owed")
	return billing.AddVersion(ctx, t.Tx, t.plan, before, after, t.now, what)
}

// agreed returns the plan's charges as they were while c had another status.
func (t *planTx) agreed(c *billing.Charge, was billing.ChargeStatus) []billing.Charge {
	before := make([]billing.Charge, len(t.charges))
	copy(before, t.charges)
	for i := range before {
		if before[i].ID == c.ID {
			before[i].Status = was
		}
	}
	return before
}
