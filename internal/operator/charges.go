package operator

import (
	"context"
	"fmt"
	"time"

	"tranche/internal/billing"
)

// Skip removes one charge from the plan; the total falls by its amount. Errors, as of every change:
// *RefusedError if the state forbids it, *billing.InvalidError for invalid arguments,
// billing.ErrNotFound and billing.ErrUnavailable.
func (o *Operator) Skip(ctx context.Context, id billing.ChargeID, reason string) (Result, error) {
	return o.amendCharge(ctx, id, OpSkip, func(c *change, ch *billing.Charge) (billing.AuditEntry, error) {
		err := c.drop(ch.ID, because("skipped by the merchant", reason))
		return billing.AuditEntry{
			Action:  "charge.skipped",
			Message: because(fmt.Sprintf("charge %d of %s is skipped, and not owed any more", ch.Sequence, c.money(ch.Amount)), reason),
		}, err
	})
}

// SkipToEnd removes one charge and adds one of the same amount after the last, at the interval
// every, which may be empty if the plan has an interval of its own. Errors: see Skip.
func (o *Operator) SkipToEnd(ctx context.Context, id billing.ChargeID, every, reason string) (Result, error) {
	return o.amendCharge(ctx, id, OpSkipToEnd, func(c *change, ch *billing.Charge) (billing.AuditEntry, error) {
		if why, err := c.tried(ctx, *ch); why != "" || err != nil {
			return billing.AuditEntry{}, c.orRefuse(err, OpSkipToEnd, why)
		}
		if !c.Plan.Recurrence.IsZero() {
			return c.oneMoreAtTheEnd(ch, reason)
		}
		dues, err := c.following(OpSkipToEnd, every, 1)
		if err != nil {
			return billing.AuditEntry{}, err
		}
		if err := c.drop(ch.ID, because("moved to the end by the merchant", reason)); err != nil {
			return billing.AuditEntry{}, err
		}
		added, err := c.insert(ctx, OpSkipToEnd, ch.Amount, dues[0])
		return billing.AuditEntry{
			Action:  "charge.skipped",
			Message: because(fmt.Sprintf("charge %d of %s is skipped and comes at the end, as charge %d", ch.Sequence, c.money(ch.Amount), added.Sequence), reason),
			Next:    "it falls due " + c.Local(added.DueAt),
		}, err
	})
}

// Move changes when one charge falls due: due is a date, at the charge's time of day, or an
// instant. A declined charge is tried again then. Errors: see Skip.
func (o *Operator) Move(ctx context.Context, id billing.ChargeID, due string) (Result, error) {
	return o.amendCharge(ctx, id, OpMove, func(c *change, ch *billing.Charge) (billing.AuditEntry, error) {
		was := ch.DueAt
		if was.IsZero() {
			return billing.AuditEntry{}, c.orRefuse(nil, OpMove, fmt.Sprintf("charge %d is due on request: collect it, with a date", ch.Sequence))
		}
		at, err := c.parseDue(due, was)
		if err != nil {
			return billing.AuditEntry{}, err
		}
		to := billing.ChargeRetrying
		if ch.Status == billing.ChargeScheduled {
			to = ch.Status
		}
		if err := ch.Move(to, "", at); err != nil {
			return billing.AuditEntry{}, err
		}
		ch.DueAt = at
		c.Put(*ch)
		return billing.AuditEntry{
			Action:  "charge.moved",
			Message: fmt.Sprintf("charge %d of %s, due %s, is moved", ch.Sequence, c.money(ch.Amount), c.Local(was)),
			Next:    "it falls due " + c.Local(at),
		}, nil
	})
}

// SetAmount changes the amount of one charge that was never tried (such as the balance after a
// deposit), or whose last failure is the merchant's to fix. amount is in minor units. Errors: see
// Skip.
func (o *Operator) SetAmount(ctx context.Context, id billing.ChargeID, amount int64) (Result, error) {
	return o.amendCharge(ctx, id, OpAmount, func(c *change, ch *billing.Charge) (billing.AuditEntry, error) {
		if why, err := c.tried(ctx, *ch); why != "" || err != nil {
			return billing.AuditEntry{}, c.orRefuse(err, OpAmount, why)
		}
		if err := c.checkAmount("amount", amount); err != nil {
			return billing.AuditEntry{}, err
		}
		was := ch.Amount
		ch.Amount = amount
		c.Put(*ch)
		return billing.AuditEntry{
			Action:  "charge.amount_changed",
			Message: fmt.Sprintf("charge %d is %s, and was %s", ch.Sequence, c.money(amount), c.money(was)),
			Next:    madeAgain(*ch),
		}, nil
	})
}

// Split divides a charge that was never tried in two: first is collected at its date, the rest at
// due. Errors: see Skip.
func (o *Operator) Split(ctx context.Context, id billing.ChargeID, first int64, due string) (Result, error) {
	return o.amendCharge(ctx, id, OpSplit, func(c *change, ch *billing.Charge) (billing.AuditEntry, error) {
		if why, err := c.tried(ctx, *ch); why != "" || err != nil {
			return billing.AuditEntry{}, c.orRefuse(err, OpSplit, why)
		}
		at, err := c.splitDue(ch, due)
		if err != nil {
			return billing.AuditEntry{}, err
		}
		rest := ch.Amount - first
		for field, amount := range map[string]int64{"first": first, "the rest": rest} {
			if err := c.checkAmount(field, amount); err != nil {
				return billing.AuditEntry{}, err
			}
		}
		if !ch.DueAt.IsZero() && !at.After(ch.DueAt) {
			return billing.AuditEntry{}, invalid("due", "the rest falls due after the first part, which falls due %s", c.Local(ch.DueAt))
		}
		message := fmt.Sprintf("charge %d of %s is split: %s stays", ch.Sequence, c.money(ch.Amount), c.money(first))
		ch.Amount = first
		c.Put(*ch)
		added, err := c.insert(ctx, OpSplit, rest, at)
		return billing.AuditEntry{
			Action: "charge.split", Message: message,
			Next: fmt.Sprintf("charge %d of %s falls due %s", added.Sequence, c.money(rest), c.Local(at)),
		}, err
	})
}

// splitDue returns when the rest of a charge falls due. If the charge is due on request, so is the
// rest.
func (c *change) splitDue(ch *billing.Charge, due string) (time.Time, error) {
	switch {
	case !ch.DueAt.IsZero():
		return c.parseDue(due, ch.DueAt)
	case due != "":
		return time.Time{}, invalid("due", "charge %d is due on request, and so is the rest of it: leave the date out, and collect each part with a date", ch.Sequence)
	}
	return time.Time{}, nil
}

// oneMoreAtTheEnd skips a charge of a recurring plan with a fixed number of charges, and adds one
// at the end.
func (c *change) oneMoreAtTheEnd(ch *billing.Charge, reason string) (billing.AuditEntry, error) {
	if c.Plan.Recurrence.Left == 0 {
		return billing.AuditEntry{}, c.orRefuse(nil, OpSkipToEnd, "it has no fixed number of charges, so it has no end: skip the charge instead")
	}
	c.Plan.Recurrence.Left++
	return billing.AuditEntry{
		Action:  "charge.skipped",
		Message: because(fmt.Sprintf("charge %d of %s is skipped, and one more comes at the end", ch.Sequence, c.money(ch.Amount)), reason),
	}, c.drop(ch.ID, because("moved to the end by the merchant", reason))
}

// Pay makes one charge due now that was not due yet. The charges before it must be due or paid.
// Errors: see Skip.
func (o *Operator) Pay(ctx context.Context, id billing.ChargeID) (Result, error) {
	return o.amendCharge(ctx, id, OpPay, func(c *change, ch *billing.Charge) (billing.AuditEntry, error) {
		if ch.DueAt.IsZero() {
			return billing.AuditEntry{}, c.orRefuse(nil, OpPay, fmt.Sprintf("charge %d is due on request: collect it", ch.Sequence))
		}
		if ch.Status != billing.ChargeScheduled || !ch.DueAt.After(c.Now) {
			return billing.AuditEntry{}, c.orRefuse(nil, OpPay, fmt.Sprintf("charge %d is due already (%s): retry it", ch.Sequence, ch.Status))
		}
		why, err := unusable(ctx, c.Tx.Tx, c.Plan)
		if why != "" || err != nil {
			return billing.AuditEntry{}, c.orRefuse(err, OpPay, why)
		}
		was := ch.DueAt
		ch.DueAt = c.dueNow(ch.ID)
		if err := ch.Move(ch.Status, "", c.Now); err != nil {
			return billing.AuditEntry{}, err
		}
		c.Put(*ch)
		return billing.AuditEntry{
			Action:  "charge.pulled_forward",
			Message: fmt.Sprintf("charge %d of %s, due %s, is to be paid now", ch.Sequence, c.money(ch.Amount), c.Local(was)),
			Next:    "collected at once",
		}, nil
	})
}

// PaidOutside marks a charge as paid without Stripe, such as in cash or by transfer. A worker
// cancels its PaymentIntent, if it has one; if the customer paid that too, an audit entry records
// it. Errors: see Skip.
func (o *Operator) PaidOutside(ctx context.Context, id billing.ChargeID, note string) (Result, error) {
	return o.amendCharge(ctx, id, OpPaidOutside, func(c *change, ch *billing.Charge) (billing.AuditEntry, error) {
		next := ch.VoidAt(c.Plan, c.Now)
		if err := ch.Move(billing.ChargeSucceeded, because("paid outside Stripe", note), next); err != nil {
			return billing.AuditEntry{}, err
		}
		ch.PaidOutside, ch.PaidAt = true, c.Now
		c.Put(*ch)
		return billing.AuditEntry{
			Action:  "charge.paid_outside",
			Message: because(fmt.Sprintf("charge %d of %s is marked as paid by the merchant: no money came through Stripe", ch.Sequence, c.money(ch.Amount)), note),
		}, nil
	})
}

// WriteOff gives up one charge: it is not collected, and stays in the total as a loss. The plan
// continues. Errors: see Skip.
func (o *Operator) WriteOff(ctx context.Context, id billing.ChargeID, reason string) (Result, error) {
	return o.amendCharge(ctx, id, OpWriteOff, func(c *change, ch *billing.Charge) (billing.AuditEntry, error) {
		err := c.cancel(ch.ID, because("written off by the merchant", reason))
		return billing.AuditEntry{
			Action:  "charge.written_off",
			Message: because(fmt.Sprintf("charge %d of %s is written off", ch.Sequence, c.money(ch.Amount)), reason),
		}, err
	})
}
