package operator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"tranche/internal/billing"
)

// SetRest makes the charges that are not paid add up to total, in as many parts as they are; the first takes the odd
// cent. None of them may have been tried. Errors: see Skip.
func SetRest(ctx context.Context, s Store, id billing.PlanID, total int64, now time.Time) (Result, error) {
	return amend(ctx, s, id, OpRest, now, func(c *change) (billing.AuditEntry, error) {
		open, err := c.untouched(ctx, OpRest)
		if err == nil && !c.plan.Recurrence.IsZero() {
			err = invalid("total", "the plan goes on: say the amount of each charge in place of a total")
		}
		if err != nil {
			return billing.AuditEntry{}, err
		}
		was := billing.SumOf(open)
		for i, amount := range billing.Split(total, len(open), c.plan.Currency) {
			if err := c.checkAmount("total", amount); err != nil {
				return billing.AuditEntry{}, err
			}
			open[i].Amount = amount
			if err := c.put(ctx, open[i]); err != nil {
				return billing.AuditEntry{}, err
			}
		}
		return billing.AuditEntry{
			Action:  "plan.rest_changed",
			Message: fmt.Sprintf("plan %s: the %d charges that are left add up to %s, and were %s", c.plan.Reference, len(open), c.money(total), c.money(was)),
		}, nil
	})
}

// SetRestAmount gives each charge that is not paid another amount, and those that a recurring plan has still to come. None may
// have been tried. Errors: see Skip.
func SetRestAmount(ctx context.Context, s Store, id billing.PlanID, amount int64, now time.Time) (Result, error) {
	return amend(ctx, s, id, OpRest, now, func(c *change) (billing.AuditEntry, error) {
		open, err := c.untouched(ctx, OpRest)
		if err == nil {
			err = c.checkAmount("amount", amount)
		}
		if err != nil {
			return billing.AuditEntry{}, err
		}
		for _, ch := range open {
			ch.Amount = amount
			if err := c.put(ctx, ch); err != nil {
				return billing.AuditEntry{}, err
			}
		}
		message := fmt.Sprintf("plan %s: each of the %d charges that are left is %s", c.plan.Reference, len(open), c.money(amount))
		if !c.plan.Recurrence.IsZero() {
			c.plan.Recurrence.Amount = amount
			message = fmt.Sprintf("plan %s: each charge is %s from now on", c.plan.Reference, c.money(amount))
		}
		return billing.AuditEntry{Action: "plan.rest_changed", Message: message}, nil
	})
}

// AddFee adds one charge: due is a date, at the time of day of the last charge, or an instant. Errors: see Skip.
func AddFee(ctx context.Context, s Store, id billing.PlanID, amount int64, due, reason string, now time.Time) (Result, error) {
	return amend(ctx, s, id, OpFee, now, func(c *change) (billing.AuditEntry, error) {
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
			Message: because(fmt.Sprintf("plan %s: a fee of %s is added", c.plan.Reference, c.money(amount)), reason),
			Next:    fmt.Sprintf("charge %d falls due %s", added.Sequence, c.local(at)),
		}, err
	})
}

// Extension is more charges at the end of a plan.
type Extension struct {
	Parts  int
	Amount int64  // of each; 0 means that of the last
	Every  string // such as "1 month"; may be empty where the plan has an interval of its own
}

// Extend adds charges after the last one, at the plan's interval. Errors: see Skip.
func Extend(ctx context.Context, s Store, id billing.PlanID, e Extension, now time.Time) (Result, error) {
	return amend(ctx, s, id, OpExtend, now, func(c *change) (billing.AuditEntry, error) {
		if e.Parts < 1 || e.Parts > billing.MaxCharges {
			return billing.AuditEntry{}, invalid("parts", "is %d; use 1 to %d", e.Parts, billing.MaxCharges)
		}
		if e.Amount == 0 {
			e.Amount = c.last().Amount
		}
		if err := c.checkAmount("amount", e.Amount); err != nil {
			return billing.AuditEntry{}, err
		}
		if !c.plan.Recurrence.IsZero() {
			return c.extendRecurrence(e)
		}
		dues, err := c.following(e.Every, e.Parts)
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
			Message: fmt.Sprintf("plan %s is extended by %d charges of %s", c.plan.Reference, e.Parts, c.money(e.Amount)),
			Next:    "the first of them falls due " + c.local(dues[0]),
		}, nil
	})
}

// extendRecurrence adds to the number of charges of a recurring plan that ends after so many.
func (c *change) extendRecurrence(e Extension) (billing.AuditEntry, error) {
	r := &c.plan.Recurrence
	switch {
	case r.Left == 0:
		return billing.AuditEntry{}, c.orRefuse(nil, OpExtend, "it goes on by itself")
	case e.Every != "" && e.Every != r.Every.String():
		return billing.AuditEntry{}, invalid("every", "the plan charges every %s: leave it out", r.Every)
	case e.Amount != r.Amount && e.Amount != c.last().Amount:
		return billing.AuditEntry{}, invalid("amount", "each charge of the plan is %s: leave it out, or change the amount of the rest", c.money(r.Amount))
	}
	r.Left += e.Parts
	return billing.AuditEntry{
		Action:  "plan.extended",
		Message: fmt.Sprintf("plan %s is extended by %d charges of %s", c.plan.Reference, e.Parts, c.money(r.Amount)),
	}, nil
}

// following is the next dates after the last charge. They keep to the day that the plan began on where the last one does,
// so that a plan of the 31st comes back to it after February.
func (c *change) following(every string, n int) ([]time.Time, error) {
	if every == "" {
		var terms billing.Terms
		_ = json.Unmarshal(c.plan.Terms, &terms) // no interval when it fails
		every = terms.Every
	}
	if every == "" {
		return nil, invalid("every", "the plan has no interval of its own: give one, such as 1 month")
	}
	interval, err := billing.ParseInterval(every)
	if err != nil {
		return nil, invalid("every", "%s", err)
	}
	if c.last().DueAt.IsZero() {
		return nil, c.orRefuse(nil, OpExtend, fmt.Sprintf("charge %d waits to be asked for: collect it first", c.last().Sequence))
	}
	at, last := timeOfDay(c.last().DueAt, c.loc), billing.DateOf(c.last().DueAt, c.loc)
	anchor, done := billing.DateOf(c.plan.CreatedAt, c.loc), 0
	for done < 2*billing.MaxCharges && billing.DaysBetween(interval.Date(anchor, done), last) > 0 {
		done++
	}
	if interval.Date(anchor, done) != last {
		anchor, done = last, 0
	}
	dues := make([]time.Time, n)
	for i := range dues {
		dues[i] = interval.Date(anchor, done+1+i).At(at, c.loc)
		if err := c.checkDue("every", dues[i]); err != nil {
			return nil, err
		}
	}
	return dues, nil
}

// PayAll replaces the charges that are not paid by one that is due now, less a discount (minor units, may be 0). None of
// them may have been tried. Errors: see Skip.
func PayAll(ctx context.Context, s Store, id billing.PlanID, discount int64, now time.Time) (Result, error) {
	return amend(ctx, s, id, OpPayAll, now, func(c *change) (billing.AuditEntry, error) {
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
		why, err := unusable(ctx, c, c.plan.CardID)
		if why != "" || err != nil {
			return billing.AuditEntry{}, c.orRefuse(err, OpPayAll, why)
		}
		for _, ch := range open {
			if err := c.drop(ctx, ch, "everything that was left is paid at once"); err != nil {
				return billing.AuditEntry{}, err
			}
		}
		c.plan.EndRecurrence()
		added, err := c.insert(ctx, OpPayAll, amount, c.dueNow(""))
		message := fmt.Sprintf("plan %s: the %d charges that were left, of %s, are to be paid now", c.plan.Reference, len(open), c.money(amount+discount))
		if discount > 0 {
			message += fmt.Sprintf(", less %s", c.money(discount))
		}
		return billing.AuditEntry{
			Action: "plan.paid_early", ChargeID: added.ID, Message: message,
			Next: fmt.Sprintf("charge %d of %s is collected at once", added.Sequence, c.money(amount)),
		}, err
	})
}

// toCome is what a recurring plan charges after the charges that it has, where that is a number.
func (c *change) toCome() (int64, error) {
	r := c.plan.Recurrence
	switch {
	case r.IsZero():
		return 0, nil
	case r.Left == 0 || !r.Until.IsZero():
		return 0, c.orRefuse(nil, OpPayAll, "it goes on without a number of charges: pay the next one early, or cancel it")
	}
	return int64(r.Left) * r.Amount, nil
}

// Restart lets a defaulted plan collect again: charges that were given up are tried at once. Errors: see Skip.
func Restart(ctx context.Context, s Store, id billing.PlanID, now time.Time) (Result, error) {
	return amend(ctx, s, id, OpRestart, now, func(c *change) (billing.AuditEntry, error) {
		why, err := unusable(ctx, c, c.plan.CardID)
		if why != "" || err != nil {
			return billing.AuditEntry{}, c.orRefuse(err, OpRestart, why)
		}
		at := 0
		for _, ch := range c.charges {
			switch ch.Status {
			case billing.ChargeFailed, billing.ChargeRetrying:
				at++
				err = ch.Move(billing.ChargeRetrying, "", c.now)
			case billing.ChargeScheduled:
				err = ch.Move(ch.Status, "", ch.DueAt)
			default:
				continue
			}
			if err == nil {
				err = c.put(ctx, ch)
			}
			if err != nil {
				return billing.AuditEntry{}, err
			}
		}
		c.plan.Status, c.plan.Reason = billing.PlanActive, ""
		return billing.AuditEntry{
			Action: "plan.restarted", Message: fmt.Sprintf("plan %s is restarted by the merchant", c.plan.Reference),
			Next: fmt.Sprintf("%d charges are tried again at once", at),
		}, nil
	})
}

// UseCard has the later charges made on another card of the same customer. Errors: see Skip.
func UseCard(ctx context.Context, s Store, id billing.PlanID, card billing.CardID, now time.Time) (Result, error) {
	return amend(ctx, s, id, OpCard, now, func(c *change) (billing.AuditEntry, error) {
		row, err := c.Card(ctx, card)
		switch {
		case errors.Is(err, billing.ErrNotFound), err == nil && row.CustomerID != c.plan.CustomerID:
			return billing.AuditEntry{}, invalid("card", "the customer has no card %s", card)
		case err != nil:
			return billing.AuditEntry{}, err
		case row.Status != billing.CardActive:
			return billing.AuditEntry{}, c.orRefuse(nil, OpCard, fmt.Sprintf("the %s card ending %s is %s", row.Brand, row.Last4, row.Status))
		case row.Hold != "":
			return billing.AuditEntry{}, c.orRefuse(nil, OpCard, fmt.Sprintf("the %s card ending %s is held: %s", row.Brand, row.Last4, row.Hold))
		case card == c.plan.CardID:
			return billing.AuditEntry{}, c.orRefuse(nil, OpCard, "it is charged on that card already")
		}
		c.plan.CardID = card
		return billing.AuditEntry{
			Action: "plan.card_changed", Message: fmt.Sprintf("plan %s: later charges are made on the %s card ending %s", c.plan.Reference, row.Brand, row.Last4),
		}, nil
	})
}

// CancelAndRefund ends a plan, as Cancel does, and orders the refund of all that was paid through Stripe. A worker asks
// Stripe for each; what was paid outside is the merchant's to give back. It is refused while an attempt is under way,
// whose money would not be given back. Errors: see Skip.
func CancelAndRefund(ctx context.Context, s Store, id billing.PlanID, reason string, now time.Time) (Result, error) {
	return amend(ctx, s, id, OpRefund, now, func(c *change) (billing.AuditEntry, error) {
		var back int64
		for _, ch := range c.charges {
			why, err := c.busy(ctx, ch)
			if err != nil || why != "" && !ch.Status.Ended() {
				return billing.AuditEntry{}, c.orRefuse(err, OpRefund, why)
			}
			if !ch.Status.Ended() {
				if err := c.end(ctx, ch, because("the plan was canceled", reason)); err != nil {
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
		c.refunding = back
		c.plan.Status, c.plan.Reason, c.plan.PausedAt = billing.PlanCanceled, because("canceled by the merchant, with refund", reason), time.Time{}
		c.plan.EndRecurrence()
		return billing.AuditEntry{
			Action:  "plan.canceled",
			Message: because(fmt.Sprintf("plan %s is canceled by the merchant, and %s is to be given back", c.plan.Reference, c.money(back)), reason),
			Next:    c.notRefunded(),
		}, nil
	})
}

// orderRefund writes the order to give back what is left of a payment, and makes the charge due for it.
func (c *change) orderRefund(ctx context.Context, ch billing.Charge) (int64, error) {
	left := ch.Amount - ch.AmountRefunded
	if ch.Status != billing.ChargeSucceeded || ch.PaidOutside || ch.PaymentIntent == "" || left <= 0 {
		return 0, nil
	}
	r := billing.Refund{
		ID: billing.NewRefundID(c.now), PlanID: c.plan.ID, ChargeID: ch.ID, PaymentIntent: ch.PaymentIntent, Amount: left, Currency: ch.Currency,
		Status: billing.RefundOpen, CreatedAt: c.now, UpdatedAt: c.now,
	}
	r.IdempotencyKey = string(r.ID)
	if err := c.InsertRefund(ctx, r); err != nil {
		return 0, err
	}
	if err := ch.Move(ch.Status, ch.Reason, c.now); err != nil {
		return 0, err
	}
	return left, c.put(ctx, ch)
}

// notRefunded says what is left for the merchant to give back.
func (c *change) notRefunded() string {
	var outside int64
	disputed := 0
	for _, ch := range c.charges {
		switch {
		case ch.PaidOutside:
			outside += ch.Amount
		case ch.Status == billing.ChargeDisputed:
			disputed++
		}
	}
	next := ""
	if outside > 0 {
		next = c.money(outside) + " was paid outside Stripe and is the merchant's to give back"
	}
	if disputed > 0 {
		next = because(fmt.Sprintf("%d disputed payments are not refunded", disputed), next)
	}
	return next
}
