package planwork

import (
	"context"
	"fmt"
	"time"

	"tranche/internal/billing"
	"tranche/internal/money"
)

// Succeed marks a charge as paid. A charge that was paid before stays as it is: a late event about
// the payment must not undo a refund.
func (t *Tx) Succeed(ctx context.Context, c *billing.Charge, actor billing.Actor, how string) error {
	if c.Status.Settled() {
		return nil
	}
	if err := t.Move(c, billing.ChargeSucceeded, "", time.Time{}); err != nil {
		return err
	}
	if err := countAgain(ctx, t, c); err != nil {
		return err
	}
	if c.PaidAt = t.Now; t.Plan.Status == billing.PlanCanceled {
		how += "; the plan was canceled before, so give the money back at Stripe if it is not owed"
	}
	if c.DeclineCode != "" { // it failed before
		if err := endDunning(ctx, t, c); err != nil {
			return err
		}
	}
	t.AuditBy(c, actor, "charge.succeeded",
		fmt.Sprintf("charge %d of %s is paid: %s", c.Sequence, money.FormatAmount(c.Amount, c.Currency), how), t.NextDue())
	return t.Notify(ctx, c, billing.NoticePaymentSucceeded, string(billing.NoticePaymentSucceeded), "")
}

// NextDue describes the plan's next charge and when it falls due.
func (t *Tx) NextDue() string {
	for _, c := range t.Charges {
		if c.Status == billing.ChargeScheduled {
			return fmt.Sprintf("charge %d of %s falls due %s", c.Sequence, money.FormatAmount(c.Amount, c.Currency), t.Local(c.DueAt))
		}
	}
	return ""
}

// Notify enqueues a notice about a charge for the customer. Each step of a charge is sent once.
func (t *Tx) Notify(ctx context.Context, c *billing.Charge, kind billing.NoticeKind, step string, reason billing.Reason) error {
	return t.EnqueueNotice(ctx, t.DraftForCharge(c, kind, step, reason))
}

// DraftForCharge returns a notice about a charge in its current state. Nothing is written.
func (t *Tx) DraftForCharge(c *billing.Charge, kind billing.NoticeKind, step string, reason billing.Reason) billing.Notice {
	n := t.Draft(kind, step)
	n.ChargeID = c.ID
	n.Data.Sequence, n.Data.Amount, n.Data.Currency, n.Data.DueAt = c.Sequence, c.Amount, c.Currency, c.DueAt
	n.Data.PaymentIntent, n.Data.FailureReason, n.Data.NextAttemptAt = c.PaymentIntent, reason.For(t.Plan), c.NextAttemptAt
	if kind == billing.NoticeUpcomingCharge {
		n.Data.NextAttemptAt = time.Time{} // it is the due time here, and no retry
	}
	if kind == billing.NoticePaymentSucceeded {
		n.Data.Following, n.Data.FollowingDue = following(t, c.Sequence)
	}
	return n
}
