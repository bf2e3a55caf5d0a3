package operator

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tranche/internal/billing"
	"tranche/internal/calendar"
	"tranche/internal/money"
	"tranche/internal/schedule"
)

// Result is a plan after an operation, and the text of its audit entry.
type Result struct {
	Plan    billing.Plan
	Charges []billing.Charge // by sequence
	Message string
	Next    string // what follows; empty if nothing does
}

// amend changes a plan if its status allows the operation, and then updates the plan's total and
// status from its charges. Errors: *RefusedError, *billing.InvalidError, billing.ErrNotFound,
// billing.ErrUnavailable.
func (o *Operator) amend(ctx context.Context, id billing.PlanID, op Operation, fn func(c *change) (billing.AuditEntry, error)) (Result, error) {
	var r Result
	c, err := o.inPlan(ctx, id, func(c *change) (billing.AuditEntry, error) {
		if why := op.forbidden(c.Plan.Status); why != "" {
			return billing.AuditEntry{}, c.refuse("changed ("+string(op)+")", why)
		}
		entry, err := fn(c)
		if err == nil {
			err = c.settle(op)
		}
		if err != nil {
			return entry, err
		}
		r = Result{Message: entry.Message, Next: entry.Next}
		return entry, nil
	})
	if err != nil {
		return Result{}, err
	}
	r.Plan, r.Charges = c.Plan, c.Charges
	return r, nil
}

// amendCharge is amend for one charge, which must be open and have no attempt in flight.
func (o *Operator) amendCharge(ctx context.Context, id billing.ChargeID, op Operation, fn func(c *change, ch *billing.Charge) (billing.AuditEntry, error)) (Result, error) {
	row, err := o.store.Charge(ctx, id)
	if err != nil {
		return Result{}, err
	}
	return o.amend(ctx, row.PlanID, op, func(c *change) (billing.AuditEntry, error) {
		mine, err := c.Charge(id)
		if err != nil {
			return billing.AuditEntry{}, err
		}
		ch := *mine // a copy, because inserting a charge moves the elements
		if why, err := c.busy(ctx, ch); why != "" || err != nil {
			return billing.AuditEntry{}, c.orRefuse(err, op, why)
		}
		entry, err := fn(c, &ch)
		entry.ChargeID = id
		return entry, err
	})
}

func (c *change) orRefuse(err error, op Operation, why string) error {
	if err != nil {
		return err
	}
	return c.refuse("changed ("+string(op)+")", why)
}

// busy returns why a charge can't be changed at all: it has ended, or an attempt is in flight. It
// returns "" if the charge can be changed.
func (c *change) busy(ctx context.Context, ch billing.Charge) (string, error) {
	switch {
	case ch.Status.Ended():
		return fmt.Sprintf("charge %d is %s", ch.Sequence, ch.Status), nil
	case ch.Status == billing.ChargeCollecting:
		return fmt.Sprintf("an attempt at charge %d is under way, or its outcome is not known yet", ch.Sequence), nil
	}
	why, err := openAttempt(ctx, c.Tx.Tx, ch.ID)
	if why != "" {
		why = fmt.Sprintf("charge %d: %s", ch.Sequence, why)
	}
	return why, err
}

// tried returns why the amount of a charge can't be changed: its PaymentIntent at Stripe is for
// that amount. It returns "" if the amount can be changed. If the last failure is the merchant's to
// fix, the amount may be its cause: a worker cancels the PaymentIntent and creates a new one before
// it tries the charge again.
func (c *change) tried(ctx context.Context, ch billing.Charge) (string, error) {
	if ch.PaymentIntent == "" { // Stripe holds nothing that can be paid, even if it refused a request
		return "", nil
	}
	d, err := c.Dunning(ctx, ch.ID)
	switch {
	case err != nil && !errors.Is(err, billing.ErrNotFound):
		return "", err
	case err == nil && d.Status == billing.DunningOpen && !d.HeldAt.IsZero():
		return "", nil
	}
	return fmt.Sprintf("charge %d was tried already, and its payment at Stripe is for %s: collect it, skip it or write it off first",
		ch.Sequence, money.FormatAmount(ch.Amount, ch.Currency)), nil
}

// madeAgain returns what follows when the amount of a charge changes that has a PaymentIntent for
// the old amount; "" if it has none.
func madeAgain(ch billing.Charge) string {
	if ch.PaymentIntent == "" {
		return ""
	}
	return fmt.Sprintf("retry charge %d: %s is canceled, and a new PaymentIntent made", ch.Sequence, ch.PaymentIntent)
}

// untouched returns the open charges, and refuses the operation if the amount of one of them can't
// be changed.
func (c *change) untouched(ctx context.Context, op Operation) ([]billing.Charge, error) {
	var open []billing.Charge
	for _, ch := range c.Charges {
		if ch.Status.Ended() {
			continue
		}
		why, err := c.busy(ctx, ch)
		if why == "" && err == nil {
			why, err = c.tried(ctx, ch)
		}
		if why != "" || err != nil {
			return nil, c.orRefuse(err, op, why)
		}
		open = append(open, ch)
	}
	if len(open) == 0 {
		return nil, c.refuse("changed ("+string(op)+")", "no charge is open")
	}
	return open, nil
}

// settle checks that the charges are in order, and updates the plan's total and status from them.
func (c *change) settle(op Operation) error {
	c.ScheduleNext()
	why := outOfOrder(c.Charges)
	if why == "" {
		why = c.pastTheNext()
	}
	if why != "" {
		return c.refuse("changed ("+string(op)+")", why)
	}
	c.Plan.Total = billing.SumOf(c.Charges)
	if c.Plan.Total == 0 {
		return c.refuse("changed ("+string(op)+")", "nothing would be left of the plan: cancel it")
	}
	next := c.Plan.StatusAfter(c.Charges)
	if next != c.Plan.Status && !next.Collects() {
		c.Plan.Reason, c.Plan.PausedAt = "", time.Time{}
	}
	c.Plan.Status = next
	return nil
}

// pastTheNext returns the error text for a charge that would not fall due before the next charge of
// a recurring plan, which is not written yet: their numbers would not be in the order of their
// dates. It returns "" if every charge falls due earlier.
func (c *change) pastTheNext() string {
	next, _, ok := c.Plan.Recurrence.Take(c.Location(), c.Work.Rules.Holidays)
	if !ok {
		return ""
	}
	for _, ch := range c.Charges {
		if !ch.Status.Ended() && !ch.DueAt.Before(next.DueAt) {
			return fmt.Sprintf("charge %d would fall due %s, and the plan's next one after it %s: choose an earlier date", ch.Sequence,
				c.Local(ch.DueAt), c.Local(next.DueAt))
		}
	}
	return ""
}

// outOfOrder returns the error text for two open charges that fall due in another order than their
// numbers; "" if there are none. Charges that are paid or canceled are not checked: shifting a plan
// after a pause leaves them at their dates.
func outOfOrder(charges []billing.Charge) string {
	var before *billing.Charge
	for i := range charges {
		ch := &charges[i]
		if ch.Status.Ended() {
			continue
		}
		if before != nil && !ch.DueAt.IsZero() && !billing.Later(ch.DueAt, before.DueAt) {
			if before.DueAt.IsZero() {
				return fmt.Sprintf("charge %d comes before charge %d, and is due on request", before.Sequence, ch.Sequence)
			}
			return fmt.Sprintf("charge %d would fall due %s, not after charge %d, which falls due %s", ch.Sequence,
				ch.DueAt.Format(time.RFC3339), before.Sequence, before.DueAt.Format(time.RFC3339))
		}
		before = ch
	}
	return ""
}

// counted returns how many charges count toward billing.MaxCharges. Of a recurring plan, which may
// continue for years, only open charges count.
func (c *change) counted() int {
	if c.Plan.Kind != billing.KindRecurring {
		return len(c.Charges)
	}
	n := 0
	for _, ch := range c.Charges {
		if !ch.Status.Ended() {
			n++
		}
	}
	return n
}

// insert adds a charge in the order of due dates. The numbers of the charges after it rise by one.
func (c *change) insert(ctx context.Context, op Operation, amount int64, due time.Time) (billing.Charge, error) {
	at := len(c.Charges)
	for at > 0 && (c.Charges[at-1].Status.Ended() || billing.Later(c.Charges[at-1].DueAt, due)) {
		at--
	}
	for at < len(c.Charges) && c.Charges[at].Status.Ended() { // after ended charges, which keep their numbers
		at++
	}
	if n := c.counted(); n >= billing.MaxCharges {
		return billing.Charge{}, c.refuse("changed ("+string(op)+")", fmt.Sprintf("it has %d charges, and no plan has more", n))
	}
	added := billing.Charge{
		ID: billing.NewChargeID(c.Now), PlanID: c.Plan.ID, CustomerID: c.Plan.CustomerID, Sequence: at + 1, Amount: amount, Currency: c.Plan.Currency,
		DueAt: due, Status: billing.ChargeScheduled, NextAttemptAt: due, ClaimAfter: due, CreatedAt: c.Now, UpdatedAt: c.Now, Version: 1,
	}
	for i := len(c.Charges) - 1; i >= at; i-- { // from the last, so that no number is used twice
		ch := c.Charges[i]
		if ch.Status == billing.ChargeCollecting {
			why, err := c.busy(ctx, ch)
			return added, c.orRefuse(err, op, why)
		}
		ch.Sequence++
		c.Put(ch)
	}
	c.Insert(at, added)
	return added, nil
}

// cancel ends the collection of a charge.
func (c *change) cancel(id billing.ChargeID, why string) error {
	ch, err := c.Charge(id)
	if err != nil {
		return err
	}
	return c.CancelCharge(ch, why)
}

// drop removes a charge from the plan: it is not collected, and the total falls by its amount. Its
// PaymentIntent, if it has one, is canceled by a worker.
func (c *change) drop(id billing.ChargeID, why string) error {
	ch, err := c.Charge(id)
	if err != nil {
		return err
	}
	ch.Dropped = true
	return c.CancelCharge(ch, why)
}

// money formats an amount in the plan's currency.
func (c *change) money(amount int64) string { return money.FormatAmount(amount, c.Plan.Currency) }

func invalid(field, format string, args ...any) error {
	return &billing.InvalidError{Fields: []billing.FieldError{{Field: field, Message: fmt.Sprintf(format, args...)}}}
}

// checkAmount refuses an amount that Stripe does not accept.
func (c *change) checkAmount(field string, amount int64) error {
	if problem := c.Work.Rules.Limits.Problem(c.Plan.Currency, amount); problem != "" {
		return invalid(field, "%s", problem)
	}
	if problem := c.Plan.Connect.Problem(amount, c.Plan.Currency); problem != "" {
		return invalid(field, "%s", problem)
	}
	return nil
}

// timeOfDay returns the local time of day of at, or the usual charge time if at is zero.
func (c *change) timeOfDay(at time.Time) calendar.LocalTime {
	if at.IsZero() {
		return c.Work.Rules.ChargeTime
	}
	return schedule.TimeOfDay(at, c.Location())
}

// last returns the charge that falls due last, ignoring dropped charges.
func (c *change) last() billing.Charge {
	last := c.Charges[0]
	for _, ch := range c.Charges[1:] {
		if !ch.Dropped && (last.Dropped || billing.Later(ch.DueAt, last.DueAt)) {
			last = ch
		}
	}
	return last
}
