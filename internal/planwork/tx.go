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
	byHand     bool                      // see ByHand
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
func write(ctx context.Context, t *Tx) error {
	if err := settlePlan(t); err != nil {
		return err
	}
	t.ScheduleNext()
	followCharges(t) // the plan may end once its recurrence has ended
	if err := writeCharges(ctx, t); err != nil {
		return err
	}
	if err := planNotices(ctx, t); err != nil {
		return err
	}
	if t.byHand || planChanged(t) {
		t.Plan.UpdatedAt = t.Now
		if err := t.UpdatePlan(ctx, t.Plan); err != nil {
			return err
		}
		t.Plan.Version++
	}
	if err := writeVersion(ctx, t); err != nil || len(t.entries) == 0 {
		return err
	}
	return t.InsertAudit(ctx, t.entries...)
}

// planNotices writes the notices of a change of the plan: it is active or completed, or has a new
// card or needs one.
func planNotices(ctx context.Context, t *Tx) error {
	if t.byHand {
		return nil
	}
	if err := started(ctx, t); err != nil {
		return err
	}
	if t.Plan.Status == billing.PlanCompleted && t.Before.Status != billing.PlanCompleted {
		if err := completed(ctx, t); err != nil {
			return err
		}
	}
	if t.newCard != "" && t.Plan.Status != billing.PlanCompleted { // else nothing will be charged on it
		if err := cardUpdated(ctx, t, t.newCard); err != nil {
			return err
		}
	}
	return cardNeeded(ctx, t)
}

// Flush writes the charges that were changed so far, for queries that must see them.
func (t *Tx) Flush(ctx context.Context) error {
	err := writeCharges(ctx, t)
	clear(t.changed)
	clear(t.added)
	return err
}

// writeCharges writes the changed and the added charges, from the last to the first: if one was
// inserted between others, their sequences have risen, and no sequence may be used twice.
func writeCharges(ctx context.Context, t *Tx) error {
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
func planChanged(t *Tx) bool {
	was, is := t.Before, t.Plan
	return is.Status != was.Status || is.CardID != was.CardID || is.Reason != was.Reason || is.Total != was.Total ||
		is.Recurrence != was.Recurrence || is.Schedule != was.Schedule || is.SetupIntent != was.SetupIntent
}

// EnqueueAfter adds a task that is enqueued once the changes are committed.
func (t *Tx) EnqueueAfter(task billing.Task) { t.tasks = append(t.tasks, task) }

// ByHand marks the transaction as an operation of a person. The operation has a notice of its own,
// so the customer is not notified of the plan's course. The plan's row is written even if no field
// of it changed, so that a worker that read the plan before can't overwrite the change.
func (t *Tx) ByHand() {
	t.byHand = true
	t.KeepAgreed()
}

// CardGiven notifies the customer that the plan has another card. cause is the PaymentIntent or
// SetupIntent with which the customer gave it.
func (t *Tx) CardGiven(cause string) { t.newCard = cause }

// RequestCard asks the customer for a card. cause is the payment that left the plan without one.
func (t *Tx) RequestCard(cause string) { t.askForCard = cause }
