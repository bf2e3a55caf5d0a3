package planning

import (
	"context"
	"encoding/json"
	"fmt"

	"tranche/internal/billing"
)

// openSetup creates the SetupIntent that saves the card of a plan without a first payment, or
// fetches it if it exists. It waits while a copy of the request is in flight at Stripe: see
// whileInProgress. A canceled SetupIntent is replaced.
func (p *Planner) openSetup(ctx context.Context, plan billing.Plan) (billing.SetupIntent, error) {
	return whileInProgress(ctx, func() (billing.SetupIntent, error) { return p.trySetup(ctx, plan) })
}

// trySetup fetches the plan's SetupIntent, or sends the stored request that creates it. The stored
// request is sent unchanged, because the response to an earlier copy may have been lost, and the
// customer's Stripe customer may have become known since.
func (p *Planner) trySetup(ctx context.Context, plan billing.Plan) (billing.SetupIntent, error) {
	if plan.SetupIntent != "" {
		si, err := p.gateway.SetupIntent(ctx, plan.SetupIntent)
		if err != nil || si.Status != billing.IntentCanceled || plan.Status != billing.PlanAwaitingFirstPayment {
			return si, err
		}
	}
	stored, err := p.storeRequest(ctx, plan)
	if err != nil || stored.Status != billing.PlanAwaitingFirstPayment {
		return billing.SetupIntent{}, err
	}
	if stored.SetupIntent != plan.SetupIntent { // a copy of this request was here first
		return p.trySetup(ctx, stored)
	}
	return p.sendSetup(ctx, plan, stored.SetupRequest)
}

// sendSetup sends the stored request that creates the plan's SetupIntent, and records the
// SetupIntent.
func (p *Planner) sendSetup(ctx context.Context, plan billing.Plan, request billing.SetupRequest) (billing.SetupIntent, error) {
	customer, err := p.store.Customer(ctx, plan.CustomerID)
	if err != nil {
		return billing.SetupIntent{}, err
	}
	var si billing.SetupIntent
	err = billing.UnderKey(request.Key, func(key string) (err error) {
		si, err = p.gateway.CreateSetupIntent(ctx, key, billing.SetupParams{
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
	left, err := p.leaveUnknown(ctx, plan, request.Customer, plan.SetupIntent == "", err)
	if left {
		return p.sendAlone(ctx, plan, request)
	}
	if plan.SetupIntent != "" { // an earlier request reached Stripe: the plan stays
		return billing.SetupIntent{}, fmt.Errorf("open the plan at Stripe: %w", err)
	}
	return billing.SetupIntent{}, p.refused(ctx, plan, err)
}

// sendAlone replaces a stored request, whose Stripe customer does not exist, with one that names no
// customer, and sends it.
func (p *Planner) sendAlone(ctx context.Context, plan billing.Plan, refused billing.SetupRequest) (billing.SetupIntent, error) {
	request := refused.Alone()
	err := p.store.Update(ctx, func(tx billing.Tx) error {
		locked, err := tx.LockPlan(ctx, plan.ID)
		if err != nil || locked.SetupRequest != refused {
			return err // a copy of this request was here first
		}
		locked.SetupRequest, locked.UpdatedAt = request, p.now()
		return tx.UpdatePlan(ctx, locked)
	})
	if err != nil {
		return billing.SetupIntent{}, err
	}
	return p.sendSetup(ctx, plan, request)
}

// storeRequest stores the request for the plan's next SetupIntent, unless it is stored already, and
// returns the stored plan.
func (p *Planner) storeRequest(ctx context.Context, plan billing.Plan) (billing.Plan, error) {
	if plan.SetupRequest.IsFor(plan) {
		return plan, nil
	}
	var locked billing.Plan
	err := p.store.Update(ctx, func(tx billing.Tx) (err error) {
		locked, err = tx.LockPlan(ctx, plan.ID)
		if err != nil || locked.SetupIntent != plan.SetupIntent || locked.SetupRequest.IsFor(plan) ||
			locked.Status != billing.PlanAwaitingFirstPayment {
			return err
		}
		customer, err := tx.Customer(ctx, locked.CustomerID)
		if err != nil {
			return err
		}
		stripeCustomer, err := p.customerOf(ctx, tx, locked, customer)
		if err != nil {
			return err
		}
		locked.SetupRequest = billing.NewSetupRequest(locked.ID, locked.SetupIntent, stripeCustomer)
		locked.UpdatedAt = p.now()
		return tx.UpdatePlan(ctx, locked)
	})
	return locked, err
}

// customerOf returns the Stripe customer that the plan's card is attached to. In a connected
// account, a Stripe customer that the merchant named is found only in the terms until its first
// card is saved.
func (p *Planner) customerOf(ctx context.Context, r billing.Reader, plan billing.Plan, customer billing.Customer) (string, error) {
	known, err := billing.StripeCustomerIn(ctx, r, customer, plan.Account)
	if err != nil || known != "" || plan.Account == "" {
		return known, err
	}
	var t billing.Terms
	if err := json.Unmarshal(plan.Terms, &t); err != nil {
		return "", fmt.Errorf("read the terms of plan %s: %w", plan.ID, err)
	}
	return t.Customer.StripeCustomer, nil
}

func (p *Planner) recordSetup(ctx context.Context, id billing.PlanID, si billing.SetupIntent) error {
	return p.store.Update(ctx, func(tx billing.Tx) error {
		plan, err := tx.LockPlan(ctx, id)
		if err != nil || plan.SetupIntent == si.ID {
			return err // a copy of this request, or the webhook, was here first
		}
		late := plan.Status == billing.PlanCanceled && plan.SetupIntent == ""
		if !late && plan.Status != billing.PlanAwaitingFirstPayment {
			return nil
		}
		plan.SetupIntent, plan.UpdatedAt = si.ID, p.now()
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
	first.NextAttemptAt, first.ClaimAfter, first.UpdatedAt = p.now(), p.now(), p.now()
	return tx.UpdateCharge(ctx, first)
}
