package planning

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"tranche/internal/billing"
	"tranche/internal/terms"
)

// Adopt creates a plan from a PaymentIntent that the merchant's own server created with tranche_*
// metadata. Adopting it again returns the same plan. Dates count from the PaymentIntent's creation,
// so a late webhook does not move them. The ids of the plan and its charges are derived from the
// PaymentIntent: a plan that is adopted again into a restored database finds its earlier payments.
//
// Errors: *billing.InvalidError naming the metadata keys, *PaidTwiceError, *ReferenceTakenError,
// billing.ErrUnavailable.
func (p *Planner) Adopt(ctx context.Context, pi billing.PaymentIntent) (billing.Plan, error) {
	t, err := terms.FromMetadata(pi)
	if err != nil {
		return billing.Plan{}, fmt.Errorf("metadata of %s: %w", pi.ID, err)
	}
	made, err := p.buildAdopted(billing.OnAccount(ctx, t.Account), pi, t)
	if err != nil {
		return billing.Plan{}, err
	}
	err = p.Store.Update(ctx, func(tx billing.Tx) error {
		if err := insertRows(ctx, tx, made); err != nil {
			return err
		}
		if err := tx.InsertAudit(ctx, createdEntry(made.plan, made.charges, made.plan.CreatedAt)); err != nil {
			return err
		}
		return warnOnSession(ctx, tx, made.plan, pi, p.Now())
	})
	if errors.Is(err, billing.ErrExists) {
		return p.adopted(ctx, made.plan, pi.ID, err)
	}
	return made.plan, err
}

// buildAdopted returns the rows of a plan whose first payment is the PaymentIntent.
func (p *Planner) buildAdopted(ctx context.Context, pi billing.PaymentIntent, t terms.Terms) (rows, error) {
	agreed := pi.CreatedAt
	if agreed.IsZero() {
		agreed = p.Now()
	}
	proposed, err := p.proposeToStore(ctx, t, keepStored, agreed)
	if err == nil && !proposed.Charges[0].Checkout {
		err = &billing.InvalidError{Fields: []billing.FieldError{{Field: "kind", Message: "a plan from your own PaymentIntent must start with that payment: create this plan with POST /v1/plans"}}}
	}
	if err != nil {
		return rows{}, fmt.Errorf("metadata of %s: %w", pi.ID, terms.InMetadataWords(err))
	}
	canonical, err := t.JSON()
	if err != nil {
		return rows{}, fmt.Errorf("encode terms: %w", err)
	}
	made := build(billing.PlanIDFor(agreed, "payment_intent", pi.ID), t, canonical, proposed, p.Now())
	if pi.Customer != "" && made.customer.StripeCustomer == "" {
		made.customer.StripeCustomer = pi.Customer
	}
	first := &made.charges[0]
	first.PaymentIntent, first.AttemptCount = pi.ID, 1
	made.attempt = billing.NewAttempt(first.ID, 1, billing.InitiatorCustomer, made.plan.CreatedAt)
	made.attempt.Outcome, made.attempt.PaymentIntent = billing.OutcomeAwaitingCustomer, pi.ID
	return made, nil
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
	plan, err := p.Store.PlanByReference(ctx, wanted.Reference)
	if errors.Is(err, billing.ErrNotFound) {
		return plan, cause // only the customer's row was created meanwhile: the event is handled again
	}
	if err != nil {
		return plan, err
	}
	charges, err := p.Store.PlanCharges(ctx, plan.ID)
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
