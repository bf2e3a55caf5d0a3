package operator

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tranche/internal/billing"
	"tranche/internal/money"
)

// SetRemaining re-splits the unpaid charges evenly so that they add up to total, in minor units.
// The first charge takes the remainder of the division. No unpaid charge may have been tried.
// Errors: see Skip.
func (o *Operator) SetRemaining(ctx context.Context, id billing.PlanID, total int64) (Result, error) {
	return o.amend(ctx, id, OpRemaining, func(c *change) (billing.AuditEntry, error) {
		open, err := c.untouched(ctx, OpRemaining)
		if err == nil && !c.Plan.Recurrence.IsZero() {
			err = invalid("total", "a recurring plan has no total: give the amount of each charge instead")
		}
		if err != nil {
			return billing.AuditEntry{}, err
		}
		was := billing.SumOf(open)
		for i, amount := range money.Split(total, len(open), c.Plan.Currency) {
			if err := c.checkAmount("total", amount); err != nil {
				return billing.AuditEntry{}, err
			}
			open[i].Amount = amount
			c.Put(open[i])
		}
		return billing.AuditEntry{
			Action:  "plan.remaining_changed",
			Message: fmt.Sprintf("plan %s: the %d charges that are left add up to %s, and were %s", c.Plan.Reference, len(open), c.money(total), c.money(was)),
		}, nil
	})
}

// SetRemainingAmount sets the amount of each unpaid charge, and of each charge that is still to
// come in a recurring plan, in minor units. No unpaid charge may have been tried. Errors: see Skip.
func (o *Operator) SetRemainingAmount(ctx context.Context, id billing.PlanID, amount int64) (Result, error) {
	return o.amend(ctx, id, OpRemaining, func(c *change) (billing.AuditEntry, error) {
		open, err := c.untouched(ctx, OpRemaining)
		if err == nil {
			err = c.checkAmount("amount", amount)
		}
		if err != nil {
			return billing.AuditEntry{}, err
		}
		for _, ch := range open {
			ch.Amount = amount
			c.Put(ch)
		}
		message := fmt.Sprintf("plan %s: each of the %d charges that are left is %s", c.Plan.Reference, len(open), c.money(amount))
		if !c.Plan.Recurrence.IsZero() {
			c.Plan.Recurrence.Amount = amount
			message = fmt.Sprintf("plan %s: each charge is %s from now on", c.Plan.Reference, c.money(amount))
		}
		return billing.AuditEntry{Action: "plan.remaining_changed", Message: message}, nil
	})
}

// AddFee adds one charge: due is a date, at the time of day of the last charge, or an instant.
// Errors: see Skip.
func (o *Operator) AddFee(ctx context.Context, id billing.PlanID, amount int64, due, reason string) (Result, error) {
	return o.amend(ctx, id, OpFee, func(c *change) (billing.AuditEntry, error) {
		at, err := c.parseDue(due, c.last().DueAt)
		if err == nil {
			err = c.checkAmount("amount", amount)
		}
		if err != nil {
			return billing.AuditEntry{}, err
		}
		added, err := c.insert(ctx, OpFee, amount, at)
		return billing.AuditEntry{
			Action: "plan.fee_added", ChargeID: added.ID,
			Message: because(fmt.Sprintf("plan %s: a fee of %s is added", c.Plan.Reference, c.money(amount)), reason),
			Next:    fmt.Sprintf("charge %d falls due %s", added.Sequence, c.Local(at)),
		}, err
	})
}

// Extend adds charges after the last one, at the plan's interval. Errors: see Skip.
func (o *Operator) Extend(ctx context.Context, id billing.PlanID, e ExtendInput) (Result, error) {
	return o.amend(ctx, id, OpExtend, func(c *change) (billing.AuditEntry, error) {
		if e.Parts < 1 || e.Parts > billing.MaxCharges {
			return billing.AuditEntry{}, invalid("parts", "is %d; use 1 to %d", e.Parts, billing.MaxCharges)
		}
		if e.Amount == 0 {
			e.Amount = c.last().Amount
		}
		if err := c.checkAmount("amount", e.Amount); err != nil {
			return billing.AuditEntry{}, err
		}
		if !c.Plan.Recurrence.IsZero() {
			return c.extendRecurrence(e)
		}
		dues, err := c.following(OpExtend, e.Every, e.Parts)
		if err != nil {
			return billing.AuditEntry{}, err
		}
		for _, due := range dues {
			if _, err := c.insert(ctx, OpExtend, e.Amount, due); err != nil {
				return billing.AuditEntry{}, err
			}
		}
		return billing.AuditEntry{
			Action:  "plan.extended",
			Message: fmt.Sprintf("plan %s is extended by %d charges of %s", c.Plan.Reference, e.Parts, c.money(e.Amount)),
			Next:    "the first of them falls due " + c.Local(dues[0]),
		}, nil
	})
}

// extendRecurrence adds charges to a recurring plan with a fixed number of charges.
func (c *change) extendRecurrence(e ExtendInput) (billing.AuditEntry, error) {
	r := &c.Plan.Recurrence
	switch {
	case r.Left == 0:
		return billing.AuditEntry{}, c.orRefuse(nil, OpExtend, "it has no fixed number of charges")
	case e.Every != "" && e.Every != r.Every.String():
		return billing.AuditEntry{}, invalid("every", "the plan charges every %s: leave it out", r.Every)
	case e.Amount != r.Amount && e.Amount != c.last().Amount:
		return billing.AuditEntry{}, invalid("amount", "each charge of the plan is %s: leave it out, or change the amount of the rest", c.money(r.Amount))
	}
	r.Left += e.Parts
	return billing.AuditEntry{
		Action:  "plan.extended",
		Message: fmt.Sprintf("plan %s is extended by %d charges of %s", c.Plan.Reference, e.Parts, c.money(r.Amount)),
	}, nil
}

// PayAll replaces the unpaid charges by one charge that is due now, less a discount (in minor
// units, may be 0). No unpaid charge may have been tried. Errors: see Skip.
func (o *Operator) PayAll(ctx context.Context, id billing.PlanID, discount int64) (Result, error) {
	return o.amend(ctx, id, OpPayAll, func(c *change) (billing.AuditEntry, error) {
		open, err := c.untouched(ctx, OpPayAll)
		if err != nil {
			return billing.AuditEntry{}, err
		}
		toCome, err := c.toCome()
		if err != nil {
			return billing.AuditEntry{}, err
		}
		amount := billing.SumOf(open) + toCome - discount
		if discount < 0 {
			return billing.AuditEntry{}, invalid("discount", "is less than 0")
		}
		if err := c.checkAmount("discount", amount); err != nil {
			return billing.AuditEntry{}, err
		}
		why, err := unusable(ctx, c.Tx.Tx, c.Plan)
		if why != "" || err != nil {
			return billing.AuditEntry{}, c.orRefuse(err, OpPayAll, why)
		}
		for _, ch := range open {
			if err := c.drop(ch.ID, "everything that was left is paid at once"); err != nil {
				return billing.AuditEntry{}, err
			}
		}
		c.Plan.EndRecurrence()
		added, err := c.insert(ctx, OpPayAll, amount, c.dueNow(""))
		message := fmt.Sprintf("plan %s: the %d charges that were left, of %s, are to be paid now", c.Plan.Reference, len(open), c.money(amount+discount))
		if discount > 0 {
			message += fmt.Sprintf(", less %s", c.money(discount))
		}
		return billing.AuditEntry{
			Action: "plan.pulled_forward", ChargeID: added.ID, Message: message,
			Next: fmt.Sprintf("charge %d of %s is collected at once", added.Sequence, c.money(amount)),
		}, err
	})
}

// toCome returns the total of the charges that a recurring plan has not written yet, and refuses if
// it has no fixed number of charges.
func (c *change) toCome() (int64, error) {
	r := c.Plan.Recurrence
	switch {
	case r.IsZero():
		return 0, nil
	case r.Left == 0 || !r.Until.IsZero():
		return 0, c.orRefuse(nil, OpPayAll, "it has no fixed number of charges: pay the next one early, or cancel the plan")
	}
	return int64(r.Left) * r.Amount, nil
}

// Restart makes a defaulted plan collect again. Charges that were given up, or fell due since, are
// made up for as missed says; for several, a choice is required. Errors: see Skip.
func (o *Operator) Restart(ctx context.Context, id billing.PlanID, missed Missed) (Result, error) {
	return o.amend(ctx, id, OpRestart, func(c *change) (billing.AuditEntry, error) {
		why, err := unusable(ctx, c.Tx.Tx, c.Plan)
		if why != "" || err != nil {
			return billing.AuditEntry{}, c.orRefuse(err, OpRestart, why)
		}
		next, err := makeUp{c, OpRestart, missed}.run(ctx, func(ch billing.Charge) bool {
			return ch.Status == billing.ChargeFailed || ch.Status == billing.ChargeRetrying || c.fellDue(ch)
		})
		if err != nil {
			return billing.AuditEntry{}, err
		}
		c.Plan.Status, c.Plan.Reason = billing.PlanActive, ""
		return billing.AuditEntry{
			Action: "plan.restarted", Message: fmt.Sprintf("plan %s is restarted by the merchant", c.Plan.Reference), Next: next,
		}, c.planToCome()
	})
}

// fellDue reports whether a charge that was never tried is due.
func (c *change) fellDue(ch billing.Charge) bool {
	return ch.Status == billing.ChargeScheduled && !ch.DueAt.IsZero() && !ch.DueAt.After(c.Now)
}

// planToCome schedules each charge that is not due yet for its due time.
func (c *change) planToCome() error {
	for _, ch := range c.Charges {
		if ch.Status != billing.ChargeScheduled || !ch.DueAt.After(c.Now) {
			continue
		}
		if err := ch.Move(ch.Status, "", ch.DueAt); err != nil {
			return err
		}
		c.Put(ch)
	}
	return nil
}

// UseCard makes another card of the same customer the plan's card, named by our id or Stripe's
// (pm_…). Charges that are owed are tried on it at once, as with a new card from the customer;
// later charges use it when they fall due. Errors: see Skip.
func (o *Operator) UseCard(ctx context.Context, id billing.PlanID, name billing.CardID) (Result, error) {
	return o.amend(ctx, id, OpCard, func(c *change) (billing.AuditEntry, error) {
		card, err := billing.FindCard(ctx, c.Tx.Tx, string(name))
		switch {
		case errors.Is(err, billing.ErrNotFound), err == nil && card.CustomerID != c.Plan.CustomerID:
			return billing.AuditEntry{}, invalid("card", "the customer has no card %s", name)
		case err != nil:
			return billing.AuditEntry{}, err
		case card.Account != c.Plan.Account:
			return billing.AuditEntry{}, invalid("card", "%s", card.Unusable(c.Plan.Account))
		case !card.Chargeable():
			return billing.AuditEntry{}, c.orRefuse(nil, OpCard, card.Unusable(c.Plan.Account))
		case card.ID == c.Plan.CardID:
			return billing.AuditEntry{}, c.orRefuse(nil, OpCard, "it is charged on that card already")
		}
		c.Plan.CardID = card.ID
		tried, err := c.TryCard(ctx, billing.NewCard{Why: "the merchant chose another card", Now: c.Now})
		if err != nil {
			return billing.AuditEntry{}, err
		}
		return billing.AuditEntry{
			Action: "plan.card_changed", CardID: card.ID, Message: fmt.Sprintf("plan %s: it is charged on the %s from now on", c.Plan.Reference, card.Label()),
			Next: c.whatIsTried(tried),
		}, nil
	})
}

// whatIsTried describes when the open charges of a plan are tried on its new card.
func (c *change) whatIsTried(tried []billing.Charge) string {
	switch {
	case len(tried) == 0:
		return "later charges are made on it"
	case !c.Plan.Status.Collects():
		return fmt.Sprintf("%s is tried on it once the plan is resumed or restarted", c.money(billing.SumOf(tried)))
	}
	return fmt.Sprintf("%s is tried on it at once", c.money(billing.SumOf(tried)))
}

// CancelAndRefund cancels a plan, as Cancel does, and orders the refund of everything that was paid
// through Stripe. A worker requests each refund from Stripe; amounts paid outside Stripe are for
// the merchant to refund. It is refused while an attempt is in flight, because its payment would
// not be refunded. Errors: see Skip.
func (o *Operator) CancelAndRefund(ctx context.Context, id billing.PlanID, reason string) (Result, error) {
	return o.amend(ctx, id, OpRefund, func(c *change) (billing.AuditEntry, error) {
		var back int64
		for _, ch := range c.Charges {
			why, err := c.busy(ctx, ch)
			if err != nil || why != "" && !ch.Status.Ended() {
				return billing.AuditEntry{}, c.orRefuse(err, OpRefund, why)
			}
			if !ch.Status.Ended() {
				if err := c.cancel(ch.ID, because("the plan was canceled", reason)); err != nil {
					return billing.AuditEntry{}, err
				}
				continue
			}
			amount, err := c.orderRefund(ctx, ch)
			if err != nil {
				return billing.AuditEntry{}, err
			}
			back += amount
		}
		c.Plan.Status, c.Plan.Reason, c.Plan.PausedAt = billing.PlanCanceled, because("canceled by the merchant, with refund", reason), time.Time{}
		c.Plan.EndRecurrence()
		return billing.AuditEntry{
			Action:  "plan.canceled",
			Message: because(fmt.Sprintf("plan %s is canceled by the merchant, and %s is to be refunded", c.Plan.Reference, c.money(back)), reason),
			Next:    c.notRefunded(),
		}, nil
	})
}

// orderRefund orders the refund of the part of a payment that was not refunded yet, and returns its
// amount; 0 if there is nothing to refund.
func (c *change) orderRefund(ctx context.Context, ch billing.Charge) (int64, error) {
	left := ch.Amount - ch.AmountRefunded
	if ch.Status != billing.ChargeSucceeded || ch.PaidOutside || ch.PaymentIntent == "" || left <= 0 {
		return 0, nil
	}
	return left, c.order(ctx, ch, ch.PaymentIntent, left)
}

// order writes a refund to be made at Stripe, with its idempotency key. The charge is due until the
// refund is made.
func (c *change) order(ctx context.Context, ch billing.Charge, paymentIntent string, left int64) error {
	ordered, err := c.Refunds(ctx, ch.ID)
	if err != nil {
		return err
	}
	r := billing.Refund{
		ID: billing.RefundIDFor(ch.ID, len(ordered)+1), PlanID: c.Plan.ID, ChargeID: ch.ID, PaymentIntent: paymentIntent, Amount: left, Currency: ch.Currency,
		Status: billing.RefundOpen, CreatedAt: c.Now, UpdatedAt: c.Now,
	}
	r.IdempotencyKey = string(r.ID)
	if err := c.InsertRefund(ctx, r); err != nil {
		return err
	}
	c.ordered = append(c.ordered, r)
	if err := ch.Move(ch.Status, ch.Reason, c.Now); err != nil {
		return err
	}
	c.Put(ch)
	return nil
}

// notRefunded describes the amounts and payments that are not refunded at Stripe.
func (c *change) notRefunded() string {
	var outside int64
	disputed := 0
	for _, ch := range c.Charges {
		switch {
		case ch.PaidOutside:
			outside += ch.Amount
		case ch.Status == billing.ChargeDisputed:
			disputed++
		}
	}
	next := ""
	if outside > 0 {
		next = c.money(outside) + " was paid outside Stripe and is for the merchant to refund"
	}
	if disputed > 0 {
		next = because(fmt.Sprintf("%d disputed payments are not refunded", disputed), next)
	}
	return next
}
