package stripeevents

import (
	"context"
	"errors"
	"fmt"

	"tranche/internal/billing"
	"tranche/internal/collect"
	"tranche/internal/money"
	"tranche/internal/planwork"
)

// reverse updates a paid charge to its refunds and disputes at Stripe.
func reverse(ctx context.Context, t *planwork.Tx, c *billing.Charge, p billing.RecordedPayment) error {
	to := p.StatusAfterReversals()
	if c.Status == to && c.AmountRefunded == p.AmountRefunded && c.DisputeStatus == p.Dispute {
		return nil
	}
	if c.AmountRefunded != p.AmountRefunded {
		noteRefund(t, c, p)
		if err := errors.Join(collect.NotifyRefund(ctx, t, c, p), refundedAtLast(ctx, t, c, p)); err != nil {
			return err
		}
	}
	if c.DisputeStatus != p.Dispute {
		t.AuditBy(c, billing.ActorStripe, "charge.disputed", fmt.Sprintf("charge %d: the dispute about %s is %s", c.Sequence, p.ID, planwork.Spoken(p.Dispute)), "")
	}
	was := c.Status
	c.AmountRefunded, c.DisputeStatus = p.AmountRefunded, p.Dispute
	next, wake := c.NextAttemptAt, c.ClaimAfter // kept while an ordered refund is open
	if err := t.Move(c, to, collect.ReversalReason(*c, to), next); err != nil {
		return err
	}
	c.ClaimAfter = wake
	if err := acceptOrders(ctx, t, c, p); err != nil {
		return err
	}
	if to != was && to != billing.ChargeSucceeded {
		t.Pause(fmt.Sprintf("charge %d was %s", c.Sequence, to))
	}
	return nil
}

// noteRefund writes to the audit trail that the refunded amount of a charge has changed.
func noteRefund(t *planwork.Tx, c *billing.Charge, p billing.RecordedPayment) {
	message := fmt.Sprintf("charge %d: %s of %s was refunded", c.Sequence,
		money.FormatAmount(p.AmountRefunded, c.Currency), money.FormatAmount(c.Amount, c.Currency))
	if p.AmountRefunded < c.AmountRefunded {
		message = fmt.Sprintf("charge %d: a refund failed; %s of %s is refunded", c.Sequence,
			money.FormatAmount(p.AmountRefunded, c.Currency), money.FormatAmount(c.Amount, c.Currency))
	}
	t.AuditBy(c, billing.ActorStripe, "charge.refunded", message, "")
}
