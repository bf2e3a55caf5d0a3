package planwork

import (
	"context"
	"fmt"
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
	entries    []billing.AuditEntry
	tasks      []billing.Task
	newCard    string           // the PaymentIntent or SetupIntent that gave the plan another card, or empty
	shifted    string           // why the dates were changed; empty if they were not
	unshifted  []billing.Charge // the charges before the dates changed
	grown      []billing.Charge // charges that the database had lost, to be written
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
	added := t.scheduleNext()
	t.followCharges() // the plan may end once its recurrence has ended
	if err := t.writeCharges(ctx, append(t.grown, added...)); err != nil {
		return err
	}
	if err := t.planNotices(ctx); err != nil {
		return err
	}
	if t.planChanged() {
		t.Plan.UpdatedAt = t.Now
		if err := t.UpdatePlan(ctx, t.Plan); err != nil {
			return err
		}
	}
	if err := t.writeShift(ctx); err != nil || len(t.entries) == 0 {
		return err
	}
	return t.InsertAudit(ctx, t.entries...)
}

// planNotices writes the notices of a change of the plan: it is active or completed, or has a new
// card or needs one.
func (t *Tx) planNotices(ctx context.Context) error {
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

func (t *Tx) writeCharges(ctx context.Context, added []billing.Charge) error {
	for i := range t.Charges {
		if !t.changed[t.Charges[i].ID] {
			continue
		}
		if err := t.UpdateCharge(ctx, t.Charges[i]); err != nil {
			return err
		}
	}
	if len(added) == 0 {
		return nil
	}
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

// AddLost adds charges that the database had lost.
func (t *Tx) AddLost(charges []billing.Charge) {
	t.grown, t.Charges = charges, append(t.Charges, charges...)
}

// CardGiven notifies the customer that the plan has another card. cause is the PaymentIntent or
// SetupIntent with which the customer gave it.
func (t *Tx) CardGiven(cause string) { t.newCard = cause }

// RequestCard asks the customer for a card. cause is the payment that left the plan without one.
func (t *Tx) RequestCard(cause string) { t.askForCard = cause }
