package operator

import (
	"context"
	"fmt"
	"time"

	"tranche/internal/billing"
)

// change is one operation on a plan, under its lock.
type change struct {
	billing.Tx
	plan    billing.Plan
	loc     *time.Location // the customer's
	charges []billing.Charge
	now     time.Time
	rules   billing.Rules
	entries []billing.AuditEntry // beside the one of the operation itself
}

// inPlan locks the plan, runs fn, and writes the plan, an audit entry of what fn returns and the plan's next version.
func inPlan(ctx context.Context, s Store, id billing.PlanID, now time.Time, fn func(c *change) (billing.AuditEntry, error)) (billing.Plan, error) {
	now = now.Truncate(time.Millisecond)
	var plan billing.Plan
	err := s.Update(ctx, func(tx billing.Tx) error {
		c, err := openChange(ctx, tx, id, now, rulesOf(s))
		if err != nil {
			return err
		}
		before, err := billing.AgreementOf(c.plan, c.charges)
		if err != nil {
			return err
		}
		entry, err := fn(c)
		if err != nil {
			return err
		}
		c.plan.UpdatedAt, plan = now, c.plan
		if err := tx.UpdatePlan(ctx, c.plan); err != nil {
			return err
		}
		entry.At, entry.Actor, entry.PlanID, entry.CustomerID = now, billing.ActorMerchant, id, c.plan.CustomerID
		if err := tx.InsertAudit(ctx, append([]billing.AuditEntry{entry}, c.entries...)...); err != nil {
			return err
		}
		after, err := billing.AgreementOf(c.plan, c.charges)
		if err != nil {
			return err
		}
		return billing.AddVersion(ctx, tx, c.plan, before, after, now, billing.ActorMerchant, entry.Message)
	})
	return plan, err
}

// openChange locks a plan and reads what belongs to it.
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
	return &change{Tx: tx, plan: locked, charges: charges, loc: billing.LoadLocation(customer.TimeZone), now: now, rules: rules}, nil
}

func (c *change) refuse(what, why string) error {
	return &RefusedError{What: fmt.Sprintf("plan %s is not %s", c.plan.Reference, what), Why: why}
}

// write stores a charge that was changed.
func (c *change) write(ctx context.Context, ch *billing.Charge) error {
	ch.UpdatedAt = c.now
	return c.UpdateCharge(ctx, *ch)
}

// because adds the merchant's reason, where there is one.
func because(text, reason string) string {
	if reason == "" {
		return text
	}
	return text + ": " + reason
}

// MaxReason bounds the reason a person gives, in bytes.
const MaxReason = 500
