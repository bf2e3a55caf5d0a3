package planwork

import (
	"context"
	"fmt"
	"slices"
	"time"

	"tranche/internal/billing"
)

// Tx is one transaction on one plan, under the plan's lock. Changes are collected in it and
// written together at the end.
type Tx struct {
	billing.Tx
	Work       *Work
	Now        time.Time
	Before     billing.Plan
	Plan       billing.Plan
	Customer   billing.Customer
	Charges    []billing.Charge // by sequence
	changed    map[billing.ChargeID]bool
	added      map[billing.ChargeID]bool // charges to be inserted
	touched    bool                      // the plan's row is written even if no field of it changed
	quiet      bool                      // the course of the plan is not announced to the customer
	entries    []billing.AuditEntry
	tasks      []billing.Task
	newCard    string           // the PaymentIntent or SetupIntent that gave the plan another card, or empty
	newVersion string           // why the agreement was changed; empty if it was not
	agreedOn   []billing.Charge // the charges before the agreement changed
	askForCard string           // the payment that left the plan without a card, or empty
}

// Charge finds a charge of the plan. A caller that changes the charge calls touch.
func (t *Tx) Charge(id billing.ChargeID) (*billing.Charge, error) {
	for i := range t.Charges {
		if t.Charges[i].ID == id {
			return &t.Charges[i], nil
		}
	}
	return nil, fmt.Errorf("charge %s of plan %s: %w", id, t.Plan.ID, billing.ErrNotFound)
}

// write updates the plan's status from its charges and writes everything that changed.
func (t *Tx) write(ctx context.Context) error {
	if err := t.settlePlan(); err != nil {
		return err
	}
	t.ScheduleNext()
	t.followCharges() // the plan may end once its recurrence has ended
	if err := t.writeCharges(ctx); err != nil {
		return err
	}
	if err := t.planNotices(ctx); err != nil {
		return err
	}
	if t.touched || t.planChanged() {
		t.Plan.UpdatedAt = t.Now
		if err := t.UpdatePlan(ctx, t.Plan); err != nil {
			return err
		}
		t.Plan.Version++
	}
	if err := t.writeVersion(ctx); err != nil || len(t.entries) == 0 {
		return err
	}
	return t.InsertAudit(ctx, t.entries...)
}

// planNotices writes the notices of a change of the plan: it is active or completed, or has a new
// card or needs one.
func (t *Tx) planNotices(ctx context.Context) error {
	if t.quiet {
		return nil
	}
	if err := t.started(ctx); err != nil {
		return err
	}
	if t.Plan.Status == billing.PlanCompleted && t.Before.Status != billing.PlanCompleted {
		if err := t.completed(ctx); err != nil {
			return err
		}
	}
	if t.newCard != "" && t.Plan.Status != billing.PlanCompleted { // else nothing will be charged on it
		if err := t.cardUpdated(ctx, t.newCard); err != nil {
			return err
		}
	}
	return t.cardNeeded(ctx)
}

// Flush writes the charges that were changed so far, for queries that must see them.
func (t *Tx) Flush(ctx context.Context) error {
	err := t.writeCharges(ctx)
	clear(t.changed)
	clear(t.added)
	return err
}

// writeCharges writes the changed and the added charges, from the last to the first: if one was
// inserted between others, their sequences have risen, and no sequence may be used twice.
func (t *Tx) writeCharges(ctx context.Context) error {
	var added []billing.Charge
	for i := range slices.Backward(t.Charges) {
		c := &t.Charges[i]
		switch {
		case t.added[c.ID]:
			added = append(added, *c)
		case t.changed[c.ID]:
			if err := t.UpdateCharge(ctx, *c); err != nil {
				return err
			}
			c.Version++
		}
	}
	if len(added) == 0 {
		return nil
	}
	slices.Reverse(added)
	return t.InsertCharges(ctx, added...)
}

// planChanged reports whether the plan's own row must be written.
func (t *Tx) planChanged() bool {
	was, is := t.Before, t.Plan
	return is.Status != was.Status || is.CardID != was.CardID || is.Reason != was.Reason || is.Total != was.Total ||
		is.Recurrence != was.Recurrence || is.Schedule != was.Schedule || is.SetupIntent != was.SetupIntent
}

// EnqueueAfter adds a task that is enqueued once the changes are committed.
func (t *Tx) EnqueueAfter(task billing.Task) { t.tasks = append(t.tasks, task) }

// Quiet keeps the customer from being notified of the plan's course: that it has begun, is
// completed, or has another card. Notices that the caller enqueues are sent.
func (t *Tx) Quiet() { t.quiet = true }

// TouchPlan has the plan's row written even if no field of it changed: a worker that read the plan
// before can't overwrite the change.
func (t *Tx) TouchPlan() { t.touched = true }

// CardGiven notifies the customer that the plan has another card. cause is the PaymentIntent or
// SetupIntent with which the customer gave it.
func (t *Tx) CardGiven(cause string) { t.newCard = cause }

// RequestCard asks the customer for a card. cause is the payment that left the plan without one.
func (t *Tx) RequestCard(cause string) { t.askForCard = cause }
