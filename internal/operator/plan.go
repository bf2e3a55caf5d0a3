package operator

import (
	"context"
	"fmt"
	"time"

	"tranche/internal/billing"
)

// change is one operation on a plan, under the plan's lock.
type change struct {
	billing.Tx
	plan    billing.Plan
	who     billing.Customer
	loc     *time.Location // the customer's
	charges []billing.Charge
	now     time.Time
	rules   billing.Rules
	ordered []billing.Refund     // refunds that the change orders
	entries []billing.AuditEntry // in addition to the entry of the operation itself
}

// inPlan locks the plan, runs fn, and writes the plan, the audit entry that fn returns, and the
// plan's next version.
func (o *Operator) inPlan(ctx context.Context, id billing.PlanID, fn func(c *change) (billing.AuditEntry, error)) (billing.Plan, error) {
	var plan billing.Plan
	err := o.update(ctx, func(tx billing.Tx, now time.Time) (err error) {
		plan, err = changePlan(ctx, tx, o.rules, id, now, telling(ctx, fn, o.options.Quiet))
		return err
	})
	return plan, err
}

// changePlan is inPlan inside an existing transaction.
func changePlan(ctx context.Context, tx billing.Tx, rules billing.Rules, id billing.PlanID, now time.Time, fn func(c *change) (billing.AuditEntry, error)) (billing.Plan, error) {
	c, err := openChange(ctx, tx, id, now, rules)
	if err != nil {
		return billing.Plan{}, err
	}
	before, err := billing.AgreementOf(c.plan, c.charges)
	if err != nil {
		return billing.Plan{}, err
	}
	entry, err := fn(c)
	if err != nil {
		return billing.Plan{}, err
	}
	c.plan.UpdatedAt = now
	if err := tx.UpdatePlan(ctx, c.plan); err != nil {
		return billing.Plan{}, err
	}
	entry.At, entry.PlanID, entry.CustomerID = now, id, c.plan.CustomerID
	if err := tx.InsertAudit(ctx, append([]billing.AuditEntry{entry}, c.entries...)...); err != nil {
		return billing.Plan{}, err
	}
	after, err := billing.AgreementOf(c.plan, c.charges)
	if err != nil {
		return billing.Plan{}, err
	}
	return c.plan, billing.AddVersion(ctx, tx, c.plan, before, after, now, entry.Message)
}

// openChange locks a plan and reads its charges and customer.
func openChange(ctx context.Context, tx billing.Tx, id billing.PlanID, now time.Time, rules billing.Rules) (*change, error) {
	locked, err := tx.LockPlan(ctx, id)
	if err != nil {
		return nil, err
	}
	charges, err := tx.PlanCharges(ctx, id)
	if err != nil {
		return nil, err
	}
	customer, err := tx.Customer(ctx, locked.CustomerID)
	if err != nil {
		return nil, err
	}
	return &change{Tx: tx, plan: locked, charges: charges, who: customer, loc: billing.LoadLocation(customer.TimeZone), now: now, rules: rules}, nil
}

func (c *change) refuse(what, why string) error {
	return &RefusedError{What: fmt.Sprintf("plan %s is not %s", c.plan.Reference, what), Why: why}
}

// write stores a charge that was changed.
func (c *change) write(ctx context.Context, ch *billing.Charge) error {
	ch.UpdatedAt = c.now
	return c.UpdateCharge(ctx, *ch)
}

// because appends a reason, unless it is empty.
func because(text, reason string) string {
	if reason == "" {
		return text
	}
	return text + ": " + reason
}
