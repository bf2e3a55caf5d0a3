package jobs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tranche/internal/billing"
	"tranche/internal/dunning"
)

// succeed marks a charge paid. A charge that was paid already stays as it is: late news of the payment do not take back a
// refund.
func (t *planTx) succeed(ctx context.Context, c *billing.Charge, actor billing.Actor, how string) error {
	if c.Status.Settled() {
		return nil
	}
	if err := t.move(c, billing.ChargeSucceeded, "", time.Time{}); err != nil {
		return err
	}
	if err := t.countAgain(ctx, c); err != nil {
		return err
	}
	if c.PaidAt = t.now; t.plan.Status == billing.PlanCanceled {
		how += "; the plan was canceled before, so give the money back at Stripe if it is not owed"
	}
	t.audit(c, actor, "charge.succeeded",
		fmt.Sprintf("charge %d of %s is paid: %s", c.Sequence, billing.FormatAmount(c.Amount, c.Currency), how), t.nextDue())
	return t.notice(ctx, c, billing.NoticePaymentSucceeded, string(billing.NoticePaymentSucceeded), "")
}

// nextDue says when the plan charges next.
func (t *planTx) nextDue() string {
	for _, c := range t.charges {
		if c.Status == billing.ChargeScheduled {
			return fmt.Sprintf("charge %d of %s falls due %s", c.Sequence, billing.FormatAmount(c.Amount, c.Currency), t.local(c.DueAt))
		}
	}
	return ""
}

// fail does what dunning decided after an attempt failed. step tells this failure's notice from the charge's others.
func (t *planTx) fail(ctx context.Context, c *billing.Charge, d dunning.Decision, cause, step string) error {
	if err := t.move(c, d.Status, d.Reason, d.NextAttemptAt); err != nil {
		return err
	}
	c.DeclineCode = cause
	t.audit(c, billing.ActorTranche, "charge."+string(d.Status),
		fmt.Sprintf("charge %d of %s: %s", c.Sequence, billing.FormatAmount(c.Amount, c.Currency), d.Reason), t.afterFailure(d))
	if d.RevokeCard {
		if err := t.revokeCard(ctx, c, d); err != nil {
			return err
		}
	}
	if d.Status == billing.ChargeRetrying {
		t.tasks = append(t.tasks, newTask(KindRetryCharge, string(c.ID), c.Lease, d.NextAttemptAt))
	}
	if d.Notice == "" {
		return nil
	}
	return t.notice(ctx, c, d.Notice, fmt.Sprintf("%s:%s", d.Notice, step), d.CustomerReason)
}

func (t *planTx) afterFailure(d dunning.Decision) string {
	switch d.Status {
	case billing.ChargeRetrying:
		return "tried again " + t.local(d.NextAttemptAt)
	case billing.ChargeRequiresAction:
		return "the customer is asked to authenticate; no timed retry"
	case billing.ChargeRequiresPaymentMethod:
		return "the customer is asked for another card; no timed retry"
	default:
		return "no further attempt by itself; the customer can still pay"
	}
}

// revokeCard keeps the card that was declined from being charged for anything again. The plan may have another by now.
func (t *planTx) revokeCard(ctx context.Context, c *billing.Charge, d dunning.Decision) error {
	attempts, err := t.Attempts(ctx, c.ID)
	if err != nil || len(attempts) == 0 {
		return err
	}
	card, err := t.CardByPaymentMethod(ctx, attempts[len(attempts)-1].Params.PaymentMethod)
	if errors.Is(err, billing.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	card.Status, card.UpdatedAt = billing.CardRevoked, t.now
	t.entries = append(t.entries, t.planEntry("card.revoked", fmt.Sprintf("card %s ending %s will not be charged again: %s", card.Brand, card.Last4, d.Reason), ""))
	return t.UpdateCard(ctx, card)
}

// notice owes the customer a message. The same step of the same charge is owed once.
func (t *planTx) notice(ctx context.Context, c *billing.Charge, kind billing.NoticeKind, step string, reason billing.Reason) error {
	n := billing.Notice{
		ID: billing.NewNoticeID(t.now), Kind: kind, PlanID: t.plan.ID, ChargeID: c.ID, CustomerID: t.customer.ID,
		Step: step, Channel: billing.ChannelEmail, To: t.customer.Email, Status: billing.NoticePending, CreatedAt: t.now,
		WakeAt: t.now.Add(t.worker.Clock.Simulated(t.worker.Lease)),
		Data: billing.NoticeData{
			CustomerName: t.customer.Name, Locale: t.customer.Locale, TimeZone: t.customer.TimeZone, Reference: t.plan.Reference,
			Sequence: c.Sequence, Of: len(t.charges), Amount: c.Amount, Currency: c.Currency, DueAt: c.DueAt,
			PaymentIntent: c.PaymentIntent, FailureReason: reason, NextAttemptAt: c.NextAttemptAt,
		},
	}
	n.MessageID = string(n.ID) + "@" + t.worker.MessageDomain
	if n.To == "" {
		n.Status, n.Reason, n.WakeAt = billing.NoticeFailed, "the customer has no e-mail address", time.Time{}
	}
	if t.plan.CardID != "" {
		card, err := t.Card(ctx, t.plan.CardID)
		if err != nil {
			return err
		}
		n.Data.CardBrand, n.Data.CardLast4 = card.Brand, card.Last4
	}
	fresh, err := t.InsertNotice(ctx, n)
	if err != nil {
		return err
	}
	if fresh && n.Status == billing.NoticePending {
		t.tasks = append(t.tasks, newTask(KindSendNotice, string(n.ID), n.Lease, time.Time{}))
	}
	return nil
}
