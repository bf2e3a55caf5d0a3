package planwork

import (
	"context"
	"reflect"
	"slices"

	"tranche/internal/billing"
)

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
func planChanged(t *Tx) bool { return !reflect.DeepEqual(t.Before, t.Plan) }
