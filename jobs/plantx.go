package jobs

import (
	"context"
	"fmt"
	"slices"
	"time"

	"tranche/internal/billing"
)

// planTx is one transaction on one plan, under the plan's lock: what changes is gathered here and written together.
type planTx struct {
	billing.Tx
	worker    *Worker
	now       time.Time
	before    billing.Plan
	plan      billing.Plan
	customer  billing.Customer
	charges   []billing.Charge // by sequence
	changed   map[billing.ChargeID]bool
	entries   []billing.AuditEntry
	tasks     []billing.Task
	shifted   string           // why the dates were changed; empty when they were not
	unshifted []billing.Charge // as they were before
}

// inPlan locks a plan, runs fn, writes what it changed in the same transaction and then enqueues the follow-up tasks.
func (w *Worker) inPlan(ctx context.Context, id billing.PlanID, fn func(t *planTx) error) error {
	var tasks []billing.Task
	err := w.Store.Update(ctx, func(tx billing.Tx) error {
		t, err := w.openPlan(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := fn(t); err != nil {
			return err
		}
		err = t.write(ctx)
		tasks = t.tasks
		return err
	})
	if err != nil {
		return err
	}
	w.enqueue(ctx, tasks)
	return nil
}

func (w *Worker) openPlan(ctx context.Context, tx billing.Tx, id billing.PlanID) (*planTx, error) {
	plan, err := tx.LockPlan(ctx, id)
	if err != nil {
		return nil, err
	}
	charges, err := tx.PlanCharges(ctx, id)
	if err != nil {
		return nil, err
	}
	customer, err := tx.Customer(ctx, plan.CustomerID)
	if err != nil {
		return nil, err
	}
	return &planTx{
		Tx: tx, worker: w, now: w.Clock.Now(), before: plan, plan: plan, customer: customer, charges: charges,
		changed: map[billing.ChargeID]bool{},
	}, nil
}

// charge finds a charge of the plan; whoever changes it calls touch.
func (t *planTx) charge(id billing.ChargeID) (*billing.Charge, error) {
	for i := range t.charges {
		if t.charges[i].ID == id {
			return &t.charges[i], nil
		}
	}
	return nil, fmt.Errorf("charge %s of plan %s: %w", id, t.plan.ID, billing.ErrNotFound)
}

// touch marks a charge as changed.
func (t *planTx) touch(c *billing.Charge) {
	c.UpdatedAt = t.now
	t.changed[c.ID] = true
}

// move puts a charge into a status; see billing.Charge.Move.
func (t *planTx) move(c *billing.Charge, to billing.ChargeStatus, reason string, next time.Time) error {
	t.touch(c)
	return c.Move(to, reason, next)
}

// audit adds an entry about a charge.
func (t *planTx) audit(c *billing.Charge, actor billing.Actor, action, message, next string) {
	t.entries = append(t.entries, billing.AuditEntry{
		At: t.now, Actor: actor, Action: action, PlanID: t.plan.ID, ChargeID: c.ID, CustomerID: t.plan.CustomerID,
		Message: message, Next: next,
	})
}

// write brings the plan's status in line with its charges and writes everything that changed.
func (t *planTx) write(ctx context.Context) error {
	t.settlePlan()
	for i := range t.charges {
		if !t.changed[t.charges[i].ID] {
			continue
		}
		if err := t.UpdateCharge(ctx, t.charges[i]); err != nil {
			return err
		}
	}
	if t.plan.Status == billing.PlanCompleted && t.before.Status != billing.PlanCompleted {
		if err := t.completed(ctx); err != nil {
			return err
		}
	}
	if t.planChanged() {
		t.plan.UpdatedAt = t.now
		if err := t.UpdatePlan(ctx, t.plan); err != nil {
			return err
		}
	}
	if err := t.writeShift(ctx); err != nil || len(t.entries) == 0 {
		return err
	}
	return t.InsertAudit(ctx, t.entries...)
}

// planChanged says whether the plan's own row is to be written.
func (t *planTx) planChanged() bool {
	was, is := t.before, t.plan
	return is.Status != was.Status || is.CardID != was.CardID || is.Reason != was.Reason || is.Total != was.Total
}

// settlePlan activates a plan whose first charge is paid, ends one whose first charge was canceled, and follows the
// charges otherwise.
func (t *planTx) settlePlan() {
	if t.plan.Status == billing.PlanAwaitingFirstPayment {
		switch t.charges[0].Status {
		case billing.ChargeSucceeded:
			t.activate()
		case billing.ChargeCanceled:
			t.cancelRest()
		}
	}
	next := t.plan.StatusAfter(t.charges)
	if next == t.plan.Status {
		return
	}
	t.plan.Status = next
	t.entries = append(t.entries, t.planEntry("plan."+string(next), fmt.Sprintf("plan %s is %s", t.plan.Reference, spoken(next)), ""))
}

func (t *planTx) activate() {
	t.plan.Status, t.plan.ActivatedAt = billing.PlanActive, t.now
	t.shiftLateDates()
	next := ""
	for i := range t.charges {
		c := &t.charges[i]
		if c.Status != billing.ChargeScheduled {
			continue
		}
		c.NextAttemptAt, c.WakeAt = c.DueAt, c.DueAt
		t.touch(c)
		if next == "" {
			next = fmt.Sprintf("charge %d of %s falls due %s", c.Sequence, billing.FormatAmount(c.Amount, c.Currency), t.local(c.DueAt))
		}
	}
	t.entries = append(t.entries, t.planEntry("plan.active", fmt.Sprintf("plan %s is active: the first payment arrived", t.plan.Reference), next))
}

// shiftLateDates moves the later charges by as many days as the first payment came late, where one of them would be due
// already: a customer who comes back to an old checkout pays in parts, as agreed, and not all at once.
func (t *planTx) shiftLateDates() {
	if len(t.charges) < 2 || t.charges[1].DueAt.After(t.now) {
		return
	}
	t.unshifted = slices.Clone(t.charges)
	loc := t.location()
	days := billing.DaysBetween(billing.DateOf(t.plan.CreatedAt, loc), billing.DateOf(t.now, loc))
	for i := range t.charges[1:] {
		c := &t.charges[i+1]
		local := c.DueAt.In(loc)
		c.DueAt = billing.DateOf(c.DueAt, loc).AddDays(days).At(billing.LocalTime{Hour: local.Hour(), Minute: local.Minute()}, loc)
		t.touch(c)
	}
	t.shifted = fmt.Sprintf("plan %s: the first payment came %d days after the plan was made; the later charges move by as many", t.plan.Reference, days)
	t.entries = append(t.entries, t.planEntry("plan.shifted", t.shifted, ""))
}

// writeShift adds a version to the plan when its dates were changed.
func (t *planTx) writeShift(ctx context.Context) error {
	if t.shifted == "" {
		return nil
	}
	before, err := billing.AgreementOf(t.before, t.unshifted)
	if err != nil {
		return err
	}
	after, err := billing.AgreementOf(t.plan, t.charges)
	if err != nil {
		return err
	}
	return billing.AddVersion(ctx, t.Tx, t.plan, before, after, t.now, billing.ActorTranche, t.shifted)
}

func (t *planTx) cancelRest() {
	for i := range t.charges {
		if c := &t.charges[i]; !c.Status.Ended() {
			c.Status, c.Reason, c.NextAttemptAt, c.WakeAt = billing.ChargeCanceled, "the first payment was canceled", time.Time{}, time.Time{}
			t.touch(c)
		}
	}
}

func (t *planTx) planEntry(action, message, next string) billing.AuditEntry {
	return billing.AuditEntry{
		At: t.now, Actor: billing.ActorTranche, Action: action, PlanID: t.plan.ID, CustomerID: t.plan.CustomerID,
		Message: message, Next: next,
	}
}

// location is the customer's time zone.
func (t *planTx) location() *time.Location { return billing.LoadLocation(t.customer.TimeZone) }

// local writes an instant as the customer's clock shows it, for people.
func (t *planTx) local(at time.Time) string {
	return at.In(t.location()).Format("Mon 2 Jan 2006 15:04 MST")
}

// spoken writes a status for people: past_due is "past due".
func spoken[S ~string](s S) string {
	out := []rune(s)
	for i, r := range out {
		if r == '_' {
			out[i] = ' '
		}
	}
	return string(out)
}
