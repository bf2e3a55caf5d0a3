package operator

import (
	"context"
	"fmt"

	"tranche/internal/billing"
)

// SetCatchUp chooses how a plan's charges are made up for that an outage missed. A missed charge
// that already has a new date keeps it. Errors: see Skip.
func (o *Operator) SetCatchUp(ctx context.Context, id billing.PlanID, choice billing.CatchUp) (Result, error) {
	return o.amend(ctx, id, OpCatchUp, func(c *change) (billing.AuditEntry, error) {
		if why := choice.Problem(c.Plan.Kind); why != "" {
			return billing.AuditEntry{}, invalid("catch_up", "%s", why)
		}
		was := c.Plan.CatchUp
		if choice == was {
			return billing.AuditEntry{}, c.orRefuse(nil, OpCatchUp, fmt.Sprintf("its catch_up is %q already", choice))
		}
		c.Plan.CatchUp = choice
		return billing.AuditEntry{
			Action:  "plan.catch_up_changed",
			Message: fmt.Sprintf("plan %s: catch_up is %q, and was %q", c.Plan.Reference, choice, was),
		}, nil
	})
}
