package planning

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tranche/internal/billing"
)

// discardRefused removes a plan that Stripe refuses, and returns the error for the caller. A plan
// with an unknown outcome is kept for the next try.
func (p *Planner) discardRefused(ctx context.Context, plan billing.Plan, cause error) error {
	var ge *billing.GatewayError
	if errors.As(cause, &ge) && ge.Kind == billing.GatewayUnauthorized {
		return fmt.Errorf("open plan %s at Stripe (it is stored; fix the key, then send the same request again to complete it): %w", plan.ID, cause)
	}
	if errors.As(cause, &ge) && ge.Resend() {
		return fmt.Errorf("open plan %s at Stripe (send the same request again to complete it): %w", plan.ID, cause)
	}
	if err := p.Store.Update(ctx, func(tx billing.Tx) error { return discard(ctx, tx, plan, p.Now()) }); err != nil {
		return errors.Join(cause, err)
	}
	return fmt.Errorf("open the plan at Stripe: %w", cause)
}

// discard removes a plan. Its audit entries stay, and the endpoints that were notified of the plan
// are notified of its removal.
func discard(ctx context.Context, tx billing.Tx, plan billing.Plan, now time.Time) error {
	err := tx.InsertAudit(ctx, billing.AuditEntry{
		At: now, Actor: billing.ActorStripe, Action: "plan.discarded", PlanID: plan.ID, CustomerID: plan.CustomerID,
		Message: fmt.Sprintf("plan %s was removed: Stripe refused its first payment or its SetupIntent", plan.Reference),
	})
	if err != nil {
		return err
	}
	return tx.DeletePlan(ctx, plan.ID)
}
