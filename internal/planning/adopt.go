package planning

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tranche/internal/billing"
)

// Adopt makes a plan of a PaymentIntent that the merchant's own server made with tranche_* metadata. Adopting it again
// returns the same plan. Dates count from the PaymentIntent's creation, so a late webhook does not move them.
//
// Errors: *billing.InvalidError in the words of the metadata, *ReferenceTakenError, billing.ErrUnavailable.
func (p *Planner) Adopt(ctx context.Context, pi billing.PaymentIntent) (billing.Plan, error) {
	terms, err := billing.TermsFromMetadata(pi)
	if err != nil {
		return billing.Plan{}, fmt.Errorf("metadata of %s: %w", pi.ID, err)
	}
	agreed := pi.CreatedAt
	if agreed.IsZero() {
		agreed = p.now()
	}
	proposed, err := p.draft(ctx, terms, agreed)
	if err == nil && !proposed.Charges[0].Checkout {
		err = &billing.InvalidError{Fields: []billing.FieldError{{Field: "kind", Message: "a plan by a PaymentIntent of yours begins with its payment: make this one by POST /v1/plans"}}}
	}
	if err != nil {
		return billing.Plan{}, fmt.Errorf("metadata of %s: %w", pi.ID, billing.InMetadataWords(err))
	}
	canonical, err := terms.JSON()
	if err != nil {
		return billing.Plan{}, fmt.Errorf("encode terms: %w", err)
	}
	save := saveCustomer(proposed.customer)
	plan, charges := build(terms, canonical, &proposed, p.now())
	charges[0].PaymentIntent, charges[0].AttemptCount = pi.ID, 1
	if pi.Customer != "" && proposed.customer.StripeCustomer == "" {
		proposed.customer.StripeCustomer = pi.Customer
	}
	err = p.store.Update(ctx, func(tx billing.Tx) error {
		if err := save(ctx, tx, proposed.customer); err != nil {
			return err
		}
		return insertAdopted(ctx, tx, plan, charges, p.now())
	})
	if errors.Is(err, billing.ErrExists) {
		return p.adopted(ctx, terms.Reference, pi.ID, err)
	}
	return plan, err
}

func insertAdopted(ctx context.Context, tx billing.Tx, plan billing.Plan, charges []billing.Charge, now time.Time) error {
	if err := tx.InsertPlan(ctx, plan, charges); err != nil {
		return err
	}
	attempt := billing.Attempt{
		ID: billing.NewAttemptID(now), ChargeID: charges[0].ID, Number: 1, Initiator: billing.InitiatorCustomer,
		Outcome: billing.OutcomeAwaitingCustomer, PaymentIntent: charges[0].PaymentIntent, CreatedAt: now,
	}
	if err := tx.InsertAttempt(ctx, attempt); err != nil {
		return err
	}
	return tx.InsertAudit(ctx, createdEntry(plan, charges, billing.ActorMerchant, now))
}

// adopted finds the plan an earlier delivery of the event made. A plan of the same reference made for another payment
// is a mistake of the merchant's.
func (p *Planner) adopted(ctx context.Context, reference, paymentIntent string, cause error) (billing.Plan, error) {
	plan, err := p.store.PlanByReference(ctx, reference)
	if errors.Is(err, billing.ErrNotFound) {
		return plan, cause // the customer's row, not the plan's, was made meanwhile: the event is handled again
	}
	if err != nil {
		return plan, err
	}
	charges, err := p.store.PlanCharges(ctx, plan.ID)
	if err != nil {
		return plan, err
	}
	if charges[0].PaymentIntent != paymentIntent {
		return plan, &ReferenceTakenError{Reference: reference, PlanID: plan.ID}
	}
	return plan, nil
}
