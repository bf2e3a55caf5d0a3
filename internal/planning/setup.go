package planning

import (
	"context"
	"fmt"

	"tranche/internal/billing"
	"tranche/internal/terms"
)

// openSetup creates the SetupIntent that saves the card of a plan without a first payment, or
// fetches it if it exists. It waits while a copy of the request is in flight at Stripe. A canceled
// SetupIntent is replaced.
func (p *Planner) openSetup(ctx context.Context, plan billing.Plan, t terms.Terms) (billing.SetupIntent, error) {
	for copies := (copyWait{}); ; {
		si, err := p.trySetup(ctx, plan, t)
		if !copies.again(ctx, err) {
			return si, err
		}
	}
}

// trySetup fetches the plan's SetupIntent, or sends the stored request that creates it. The stored
// request is sent unchanged, because the response to an earlier copy may have been lost, and the
// customer's Stripe customer may have become known since.
func (p *Planner) trySetup(ctx context.Context, plan billing.Plan, t terms.Terms) (billing.SetupIntent, error) {
	if plan.SetupIntent != "" {
		si, err := p.Gateway.SetupIntent(ctx, plan.SetupIntent)
		if err != nil || si.Status != billing.IntentCanceled || plan.Status != billing.PlanAwaitingFirstPayment {
			return si, err
		}
	}
	stored, err := p.storeRequest(ctx, plan, t)
	if err != nil || stored.Status != billing.PlanAwaitingFirstPayment {
		return billing.SetupIntent{}, err
	}
	if stored.SetupIntent != plan.SetupIntent { // a copy of this request was here first
		return p.trySetup(ctx, stored, t)
	}
	return p.sendSetup(ctx, plan, t, stored.SetupRequest)
}

// sendSetup sends the stored request that creates the plan's SetupIntent, and records the
// SetupIntent.
func (p *Planner) sendSetup(ctx context.Context, plan billing.Plan, t terms.Terms, request billing.SetupRequest) (billing.SetupIntent, error) {
	customer, err := p.Store.Customer(ctx, plan.CustomerID)
	if err != nil {
		return billing.SetupIntent{}, err
	}
	var si billing.SetupIntent
	err = billing.UnderKey(request.Key, func(key string) (err error) {
		si, err = p.Gateway.CreateSetupIntent(ctx, key, billing.SetupParams{
			Customer: request.Customer, Description: plan.Reference,
			Metadata: map[string]string{
				billing.MetaReference: plan.Reference, billing.MetaPlan: string(plan.ID), billing.MetaCustomer: customer.Reference,
			},
		})
		return err
	})
	if err == nil {
		return si, p.recordSetup(ctx, plan.ID, si)
	}
	left, err := p.leaveUnknown(ctx, plan, t, request.Customer, plan.SetupIntent == "", err)
	if left {
		return p.sendAlone(ctx, plan, t, request)
	}
	if plan.SetupIntent != "" { // an earlier request reached Stripe: the plan stays
		return billing.SetupIntent{}, fmt.Errorf("open the plan at Stripe: %w", err)
	}
	return billing.SetupIntent{}, p.discardRefused(ctx, plan, err)
}

// sendAlone replaces a stored request, whose Stripe customer does not exist, with one that names no
// customer, and sends it.
func (p *Planner) sendAlone(ctx context.Context, plan billing.Plan, t terms.Terms, refused billing.SetupRequest) (billing.SetupIntent, error) {
	request := refused.Alone()
	err := p.Store.Update(ctx, func(tx billing.Tx) error {
		locked, err := tx.LockPlan(ctx, plan.ID)
		if err != nil || locked.SetupRequest != refused {
			return err // a copy of this request was here first
		}
		locked.SetupRequest, locked.UpdatedAt = request, p.Now()
		return tx.UpdatePlan(ctx, locked)
	})
	if err != nil {
		return billing.SetupIntent{}, err
	}
	return p.sendSetup(ctx, plan, t, request)
}

// storeRequest stores the request for the plan's next SetupIntent, unless it is stored already, and
// returns the stored plan.
func (p *Planner) storeRequest(ctx context.Context, plan billing.Plan, t terms.Terms) (billing.Plan, error) {
	if plan.SetupRequest.IsFor(plan) {
		return plan, nil
	}
	var locked billing.Plan
	err := p.Store.Update(ctx, func(tx billing.Tx) (err error) {
		locked, err = tx.LockPlan(ctx, plan.ID)
		if err != nil || locked.SetupIntent != plan.SetupIntent || locked.SetupRequest.IsFor(plan) ||
			locked.Status != billing.PlanAwaitingFirstPayment {
			return err
		}
		stripeCustomer, err := stripeCustomerOf(ctx, tx, locked, t)
		if err != nil {
			return err
		}
		locked.SetupRequest = billing.NewSetupRequest(locked.ID, locked.SetupIntent, stripeCustomer)
		locked.UpdatedAt = p.Now()
		return tx.UpdatePlan(ctx, locked)
	})
	return locked, err
}

func (p *Planner) recordSetup(ctx context.Context, id billing.PlanID, si billing.SetupIntent) error {
	return p.Store.Update(ctx, func(tx billing.Tx) error {
		plan, err := tx.LockPlan(ctx, id)
		if err != nil || plan.SetupIntent == si.ID {
			return err // a copy of this request, or the webhook, was here first
		}
		late := plan.Status == billing.PlanCanceled && plan.SetupIntent == ""
		if !late && plan.Status != billing.PlanAwaitingFirstPayment {
			return nil
		}
		plan.SetupIntent, plan.UpdatedAt = si.ID, p.Now()
		if err := tx.UpdatePlan(ctx, plan); err != nil || !late {
			return err
		}
		return p.toCancel(ctx, tx, plan)
	})
}

// toCancel makes the first charge due, so that a worker cancels the SetupIntent of a plan that was
// canceled while Stripe created it.
func (p *Planner) toCancel(ctx context.Context, tx billing.Tx, plan billing.Plan) error {
	charges, err := tx.PlanCharges(ctx, plan.ID)
	if err != nil || !plan.AwaitedCard(charges[0]) {
		return err
	}
	first := charges[0]
	first.NextAttemptAt, first.ClaimAfter, first.UpdatedAt = p.Now(), p.Now(), p.Now()
	return tx.UpdateCharge(ctx, first)
}
