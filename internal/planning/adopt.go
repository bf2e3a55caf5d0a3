package planning

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"tranche/internal/billing"
)

// Adopt creates a plan from a PaymentIntent that the merchant's own server created with tranche_*
// metadata. Adopting it again returns the same plan. Dates count from the PaymentIntent's creation,
// so a late webhook does not move them. The ids of the plan and its charges are derived from the
// PaymentIntent: a plan that is adopted again into a restored database finds its earlier payments.
//
// Errors: *billing.InvalidError naming the metadata keys, *PaidTwiceError, *ReferenceTakenError,
// billing.ErrUnavailable.
func (p *Planner) Adopt(ctx context.Context, pi billing.PaymentIntent) (billing.Plan, error) {
	terms, err := billing.TermsFromMetadata(pi)
	if err != nil {
		return billing.Plan{}, fmt.Errorf("metadata of %s: %w", pi.ID, err)
	}
	agreed := pi.CreatedAt
	if agreed.IsZero() {
		agreed = p.now()
	}
	proposed, err := p.ready(ctx, terms, agreed, p.draft)
	if err == nil && !proposed.Charges[0].Checkout {
		err = &billing.InvalidError{Fields: []billing.FieldError{{Field: "kind", Message: "a plan from your own PaymentIntent must start with that payment: create this plan with POST /v1/plans"}}}
	}
	if err != nil {
		return billing.Plan{}, fmt.Errorf("metadata of %s: %w", pi.ID, billing.InMetadataWords(err))
	}
	canonical, err := terms.JSON()
	if err != nil {
		return billing.Plan{}, fmt.Errorf("encode terms: %w", err)
	}
	save := saveCustomer(proposed.customer)
	plan, charges := build(billing.PlanIDFor(agreed, "payment_intent", pi.ID), terms, canonical, &proposed, p.now())
	charges[0].PaymentIntent, charges[0].AttemptCount = pi.ID, 1
	if pi.Customer != "" && proposed.customer.StripeCustomer == "" {
		proposed.customer.StripeCustomer = pi.Customer
	}
	err = p.store.Update(ctx, func(tx billing.Tx) error {
		if err := save(ctx, tx, proposed.customer); err != nil {
			return err
		}
		if err := insertAdopted(ctx, tx, plan, charges, p.now()); err != nil {
			return err
		}
		return warnOnSession(ctx, tx, plan, pi, p.now())
	})
	if errors.Is(err, billing.ErrExists) {
		return p.adopted(ctx, plan, pi.ID, err)
	}
	return plan, err
}

func insertAdopted(ctx context.Context, tx billing.Tx, plan billing.Plan, charges []billing.Charge, now time.Time) error {
	if err := tx.InsertPlan(ctx, plan, charges); err != nil {
		return err
	}
	attempt := billing.Attempt{
		ID: billing.AttemptIDFor(charges[0].ID, 1, billing.InitiatorCustomer), ChargeID: charges[0].ID, Number: 1, Initiator: billing.InitiatorCustomer,
		Outcome: billing.OutcomeAwaitingCustomer, PaymentIntent: charges[0].PaymentIntent, CreatedAt: now,
	}
	if err := tx.InsertAttempt(ctx, attempt); err != nil {
		return err
	}
	return tx.InsertAudit(ctx, createdEntry(plan, charges, now))
}

// warnOnSession opens an incident for a card that the merchant saved for payments in the customer's
// presence only.
func warnOnSession(ctx context.Context, tx billing.Tx, plan billing.Plan, pi billing.PaymentIntent, now time.Time) error {
	if pi.SetupFutureUsage != onSession {
		return nil
	}
	_, err := tx.OpenIncident(ctx, billing.Incident{
		Kind: billing.IncidentSavedOnSession, Subject: pi.ID, PlanID: plan.ID, CustomerID: plan.CustomerID, OpenedAt: now,
		Detail: fmt.Sprintf("plan %s was created from %s, which has setup_future_usage=on_session: later charges are off-session", plan.Reference, pi.ID),
	})
	return err
}

// onSession is the setup_future_usage of a card that is saved for payments in the customer's
// presence.
const onSession = "on_session"

// PaidTwiceError: the first payment of the same plan was made before, with another PaymentIntent.
type PaidTwiceError struct{ Charge billing.Charge }

// Error names both payments of the charge.
func (e *PaidTwiceError) Error() string {
	return fmt.Sprintf("charge %s is paid already, by %s", e.Charge.ID, e.Charge.PaymentIntent)
}

// adopted returns the plan that an earlier delivery of the event created. A second payment for that
// plan is a double payment; different terms under the same reference are a mistake of the
// merchant's.
func (p *Planner) adopted(ctx context.Context, wanted billing.Plan, paymentIntent string, cause error) (billing.Plan, error) {
	plan, err := p.store.PlanByReference(ctx, wanted.Reference)
	if errors.Is(err, billing.ErrNotFound) {
		return plan, cause // only the customer's row was created meanwhile: the event is handled again
	}
	if err != nil {
		return plan, err
	}
	charges, err := p.store.PlanCharges(ctx, plan.ID)
	if err != nil {
		return plan, err
	}
	first := charges[0]
	switch {
	case first.PaymentIntent == paymentIntent:
		return plan, nil
	case !bytes.Equal(plan.Terms, wanted.Terms):
		return plan, &ReferenceTakenError{Reference: wanted.Reference, PlanID: plan.ID}
	case !first.Status.Settled():
		return plan, fmt.Errorf("plan %s exists, and its first payment by %s is not recorded yet", plan.ID, first.PaymentIntent)
	}
	return plan, &PaidTwiceError{first}
}
