package planning

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"tranche/internal/billing"
)

// openSetup makes the SetupIntent by which the customer gives the card of a plan without a first payment, or fetches it when it is
// there. While Stripe is at work on a copy of the request it waits: see whileInProgress. One that was canceled is replaced.
func (p *Planner) openSetup(ctx context.Context, plan billing.Plan) (billing.SetupIntent, error) {
	return whileInProgress(ctx, func() (billing.SetupIntent, error) { return p.trySetup(ctx, plan) })
}

func (p *Planner) trySetup(ctx context.Context, plan billing.Plan) (billing.SetupIntent, error) {
	key := "setup-" + string(plan.ID)
	if plan.SetupIntent != "" {
		si, err := p.gateway.SetupIntent(ctx, plan.SetupIntent)
		if err != nil || si.Status != billing.IntentCanceled || plan.Status != billing.PlanAwaitingFirstPayment {
			return si, err
		}
		key += "-" + plan.SetupIntent
	}
	customer, err := p.store.Customer(ctx, plan.CustomerID)
	if err != nil {
		return billing.SetupIntent{}, err
	}
	stripeCustomer, err := p.customerOf(ctx, plan, customer)
	if err != nil {
		return billing.SetupIntent{}, err
	}
	si, err := p.gateway.CreateSetupIntent(ctx, key, billing.SetupParams{
		Customer: stripeCustomer, Description: plan.Reference,
		Metadata: map[string]string{
			billing.MetaReference: plan.Reference, billing.MetaPlan: string(plan.ID), billing.MetaCustomer: customer.Reference,
		},
	})
	if err != nil && stripeCustomer != "" && errors.Is(err, billing.ErrNotFound) {
		err = errors.Join(p.forgetStripeCustomer(ctx, plan, stripeCustomer), errCustomerGone, err)
	}
	if err != nil {
		return billing.SetupIntent{}, p.refused(ctx, plan, err)
	}
	return si, p.recordSetup(ctx, plan.ID, si)
}

// customerOf is the Stripe customer that the plan's card is to be attached to. One that was named for a connected account stands in
// the terms alone until its first card is saved.
func (p *Planner) customerOf(ctx context.Context, plan billing.Plan, customer billing.Customer) (string, error) {
	known, err := billing.StripeCustomerIn(ctx, p.store, customer, plan.Account)
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

// toCancel has a worker cancel the SetupIntent of a plan that was canceled while Stripe made it.
func (p *Planner) toCancel(ctx context.Context, tx billing.Tx, plan billing.Plan) error {
	charges, err := tx.PlanCharges(ctx, plan.ID)
	if err != nil || !plan.AwaitedCard(charges[0]) {
		return err
	}
	first := charges[0]
	first.NextAttemptAt, first.WakeAt, first.UpdatedAt = p.now(), p.now(), p.now()
	return tx.UpdateCharge(ctx, first)
}
