package planning

import (
	"context"
	"fmt"

	"tranche/internal/billing"
	"tranche/internal/planwork"
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
	err := p.inPlan(ctx, plan.ID, func(u *planwork.Tx) error {
		if u.Plan.SetupRequest == refused { // otherwise a copy of this request was here first
			u.Plan.SetupRequest = request
		}
		return nil
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
	var stored billing.Plan
	err := p.inPlan(ctx, plan.ID, func(u *planwork.Tx) error {
		stored = u.Plan
		if stored.SetupIntent != plan.SetupIntent || stored.SetupRequest.IsFor(stored) || stored.Status != billing.PlanAwaitingFirstPayment {
			return nil
		}
		stripeCustomer, err := stripeCustomerOf(ctx, u.Tx, stored, t)
		if err != nil {
			return err
		}
		u.Plan.SetupRequest = billing.NewSetupRequest(stored.ID, stored.SetupIntent, stripeCustomer)
		stored = u.Plan
		return nil
	})
	return stored, err
}

// recordSetup records the plan's SetupIntent. If the plan was canceled while Stripe created it, a
// worker cancels the SetupIntent.
func (p *Planner) recordSetup(ctx context.Context, id billing.PlanID, si billing.SetupIntent) error {
	return p.inPlan(ctx, id, func(u *planwork.Tx) error {
		if u.Plan.SetupIntent == si.ID {
			return nil // a copy of this request, or the webhook, was here first
		}
		late := u.Plan.Status == billing.PlanCanceled && u.Plan.SetupIntent == ""
		if !late && u.Plan.Status != billing.PlanAwaitingFirstPayment {
			return nil
		}
		u.Plan.SetupIntent = si.ID
		if first := &u.Charges[0]; late && u.Plan.AwaitedCard(*first) {
			first.NextAttemptAt, first.ClaimAfter = u.Now, u.Now
			u.Touch(first)
		}
		return nil
	})
}
