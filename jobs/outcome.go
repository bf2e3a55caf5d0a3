package jobs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tranche/internal/billing"
	"tranche/internal/dunning"
	"tranche/internal/money"
)

// succeed marks a charge as paid. A charge that was paid before stays as it is: a late event about
// the payment must not undo a refund.
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
	if c.DeclineCode != "" { // it failed before
		if err := t.endDunning(ctx, c); err != nil {
			return err
		}
	}
	t.auditBy(c, actor, "charge.succeeded",
		fmt.Sprintf("charge %d of %s is paid: %s", c.Sequence, money.FormatAmount(c.Amount, c.Currency), how), t.nextDue())
	return t.notice(ctx, c, billing.NoticePaymentSucceeded, string(billing.NoticePaymentSucceeded), "")
}

// nextDue describes the plan's next charge and when it falls due.
func (t *planTx) nextDue() string {
	for _, c := range t.charges {
		if c.Status == billing.ChargeScheduled {
			return fmt.Sprintf("charge %d of %s falls due %s", c.Sequence, money.FormatAmount(c.Amount, c.Currency), t.local(c.DueAt))
		}
	}
	return ""
}

// fail applies dunning's decision after an attempt failed. The caller notifies the customer.
func (t *planTx) fail(ctx context.Context, c *billing.Charge, d dunning.Decision, cause string) error {
	status := d.Status
	if status == billing.ChargeRetrying && c.Status == billing.ChargeScheduled {
		status = c.Status // the charge was never tried
	}
	if err := t.move(c, status, d.Reason, d.NextAttemptAt); err != nil {
		return err
	}
	c.DeclineCode = cause
	t.audit(c, "charge."+string(d.Status),
		fmt.Sprintf("charge %d of %s: %s", c.Sequence, money.FormatAmount(c.Amount, c.Currency), d.Reason), t.afterFailure(d))
	if d.RevokeCard {
		if err := t.revokeCard(ctx, c, d); err != nil {
			return err
		}
	}
	if d.PausePlan {
		t.pause(d.Reason)
	}
	if d.Status == billing.ChargeRetrying {
		t.enqueueAfter(newTask(KindRetryCharge, string(c.ID), c.Lease, d.NextAttemptAt))
	}
	return nil
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
		return "no further automatic attempt; the customer can still pay"
	}
}

// revokeCard keeps the declined card from being charged for anything again. The plan may have
// another card by now.
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
	t.auditCard(card, "card.revoked", fmt.Sprintf("%s will not be charged again: %s", card.Label(), d.Reason))
	return t.UpdateCard(ctx, card)
}

// notice enqueues a notice about a charge for the customer. Each step of a charge is sent once.
func (t *planTx) notice(ctx context.Context, c *billing.Charge, kind billing.NoticeKind, step string, reason billing.Reason) error {
	return t.enqueueNotice(ctx, t.draftNotice(c, kind, step, reason))
}

// draftNotice returns a notice about a charge in its current state. Nothing is written.
func (t *planTx) draftNotice(c *billing.Charge, kind billing.NoticeKind, step string, reason billing.Reason) billing.Notice {
	n := t.draft(kind, step)
	n.ChargeID = c.ID
	n.Data.Sequence, n.Data.Amount, n.Data.Currency, n.Data.DueAt = c.Sequence, c.Amount, c.Currency, c.DueAt
	n.Data.PaymentIntent, n.Data.FailureReason, n.Data.NextAttemptAt = c.PaymentIntent, reason.For(t.plan), c.NextAttemptAt
	if kind == billing.NoticeUpcomingCharge {
		n.Data.NextAttemptAt = time.Time{} // it is the due time here, and no retry
	}
	if kind == billing.NoticePaymentSucceeded {
		n.Data.Following, n.Data.FollowingDue = t.following(c.Sequence)
	}
	return n
}
