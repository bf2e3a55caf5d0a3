package operator

import (
	"context"
	"fmt"
	"time"

	"tranche/internal/billing"
	"tranche/internal/planwork"
)

// change is one operation on a plan, under the plan's lock.
type change struct {
	*planwork.Tx
	ordered []billing.Refund // refunds that the change orders
}

// inPlan locks the plan, runs fn, and writes the plan, the audit entry that fn returns, and the
// plan's next version. It returns the change as it was written.
func (o *Operator) inPlan(ctx context.Context, id billing.PlanID, fn func(c *change) (billing.AuditEntry, error)) (*change, error) {
	var c *change
	err := o.update(ctx, func(tx billing.Tx, now time.Time) (err error) {
		c, err = changePlan(ctx, tx, o.rules, id, now, withNotice(ctx, fn, o.options.Quiet))
		return err
	})
	return c, err
}

// changePlan is inPlan inside an existing transaction.
func changePlan(ctx context.Context, tx billing.Tx, rules billing.Rules, id billing.PlanID, now time.Time, fn func(c *change) (billing.AuditEntry, error)) (*change, error) {
	var c *change
	err := work(rules).In(ctx, tx, now, id, func(t *planwork.Tx) error {
		c = &change{Tx: t}
		t.ByHand()
		entry, err := fn(c)
		if err != nil {
			return err
		}
		entry.At, entry.PlanID, entry.CustomerID = now, id, t.Plan.CustomerID
		t.AddAuditFirst(entry)
		t.ChangeAgreed(entry.Message)
		return nil
	})
	return c, err
}

// work returns the unit of work of an operation. What it leaves to be done is found by the
// scheduler.
func work(rules billing.Rules) *planwork.Work {
	return planwork.New(planwork.Config{Rules: rules})
}

func (c *change) refuse(what, why string) error {
	return &RefusedError{What: fmt.Sprintf("plan %s is not %s", c.Plan.Reference, what), Why: why}
}

// because appends a reason, unless it is empty.
func because(text, reason string) string {
	if reason == "" {
		return text
	}
	return text + ": " + reason
}
