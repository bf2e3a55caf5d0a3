package planning

import (
	"context"
	"fmt"
	"time"

	"tranche/internal/billing"
	"tranche/internal/terms"
)

// firstAttempt returns the PaymentIntent of the first charge, or the attempt that is to create it:
// the open attempt, or a new one if Stripe canceled the PaymentIntent of the previous attempts.
// gone is a PaymentIntent that is known to be canceled by Stripe; may be empty. Both results are
// zero when nothing is left to pay.
func (p *Planner) firstAttempt(ctx context.Context, plan billing.Plan, t terms.Terms, gone string) (string, billing.Attempt, error) {
	made, attempt, err := pending(ctx, p.Store, plan.ID, gone)
	if err != nil || made != "" || attempt.ID != "" {
		return made, attempt, err
	}
	err = p.Store.Update(ctx, func(tx billing.Tx) error {
		locked, err := tx.LockPlan(ctx, plan.ID)
		if err != nil {
			return err
		}
		made, attempt, err = pending(ctx, tx, plan.ID, gone)
		if err != nil || made != "" || attempt.ID != "" || locked.Status != billing.PlanAwaitingFirstPayment {
			return err
		}
		attempt, err = p.nextAttempt(ctx, tx, locked, t)
		return err
	})
	return made, attempt, err
}

// pending returns the PaymentIntent of the first charge, unless it is gone, or else the open
// attempt that is to create it.
func pending(ctx context.Context, r billing.Reader, plan billing.PlanID, gone string) (string, billing.Attempt, error) {
	charges, err := r.PlanCharges(ctx, plan)
	if err != nil {
		return "", billing.Attempt{}, err
	}
	first := charges[0]
	if first.PaymentIntent != "" && first.PaymentIntent != gone {
		return first.PaymentIntent, billing.Attempt{}, nil
	}
	attempts, err := r.Attempts(ctx, first.ID)
	if n := len(attempts); err == nil && n > 0 && attempts[n-1].Outcome == billing.OutcomeUnknown && !first.Status.Ended() {
		return "", attempts[n-1], nil
	}
	return "", billing.Attempt{}, err
}

// nextAttempt stores another attempt at the first payment. It also removes the canceled
// PaymentIntent from the charge, unless the event has done so.
func (p *Planner) nextAttempt(ctx context.Context, tx billing.Tx, plan billing.Plan, t terms.Terms) (billing.Attempt, error) {
	stripeCustomer, err := stripeCustomerOf(ctx, tx, plan, t)
	if err != nil {
		return billing.Attempt{}, err
	}
	charges, err := tx.PlanCharges(ctx, plan.ID)
	if err != nil {
		return billing.Attempt{}, err
	}
	first := charges[0]
	attempts, err := tx.Attempts(ctx, first.ID)
	if err != nil {
		return billing.Attempt{}, err
	}
	if n := len(attempts); n > 0 && attempts[n-1].Params.Customer == stripeCustomer && attempts[n-1].Failure.Code == codeMissing {
		stripeCustomer = "" // the terms name it, but it no longer exists
	}
	now := p.Now()
	if err := dropCanceled(ctx, tx, &first, attempts, now); err != nil {
		return billing.Attempt{}, err
	}
	attempt := checkoutAttempt(t, plan.PaymentDescription(first, len(charges)), stripeCustomer, &first, len(attempts)+1, now)
	first.UpdatedAt = now
	if err := tx.UpdateCharge(ctx, first); err != nil {
		return attempt, err
	}
	return attempt, tx.InsertAttempt(ctx, attempt)
}

// dropCanceled removes a PaymentIntent that Stripe canceled from the charge, as its event would.
func dropCanceled(ctx context.Context, tx billing.Tx, first *billing.Charge, attempts []billing.Attempt, now time.Time) error {
	gone := first.PaymentIntent
	if gone == "" {
		return nil
	}
	if n := len(attempts); n > 0 && attempts[n-1].Outcome == billing.OutcomeAwaitingCustomer {
		a := attempts[n-1]
		a.Outcome, a.FinishedAt = billing.OutcomeCanceled, now
		if err := tx.UpdateAttempt(ctx, a); err != nil {
			return err
		}
	}
	first.PaymentIntent = ""
	return tx.InsertAudit(ctx, billing.AuditEntry{
		At: now, Actor: billing.ActorStripe, Action: "charge.payment_intent_replaced", PlanID: first.PlanID, ChargeID: first.ID, CustomerID: first.CustomerID,
		Message: "Stripe canceled " + gone + " itself; a new one will be created",
	})
}

// checkoutAttempt returns the attempt at the payment in the checkout, with its parameters for
// Stripe. A first charge that is made off-session has no such attempt.
func checkoutAttempt(t terms.Terms, description, stripeCustomer string, first *billing.Charge, number int, now time.Time) billing.Attempt {
	if !first.Checkout {
		return billing.Attempt{}
	}
	first.AttemptCount = number
	a := billing.NewAttempt(first.ID, number, billing.InitiatorCustomer, now)
	return a.Sending(billing.PaymentParams{
		Amount: first.Amount, Currency: first.Currency, Customer: stripeCustomer, SaveCard: true,
		Description: description, Metadata: first.Metadata(t.Reference, a.ID),
	}.Connected(connectOf(t)))
}

// connectOf returns the parameters of Stripe Connect in the terms.
func connectOf(t terms.Terms) billing.Connect {
	if t.Connect == nil {
		return billing.Connect{}
	}
	return *t.Connect
}

// closeAttempt ends an attempt whose request Stripe refused or failed to carry out, so that the
// next request creates another attempt.
func (p *Planner) closeAttempt(ctx context.Context, plan billing.Plan, sent billing.Attempt, ge *billing.GatewayError) error {
	return p.Store.Update(ctx, func(tx billing.Tx) error {
		attempt, err := lockAttempt(ctx, tx, plan.ID, sent)
		if err != nil || !attempt.Outcome.Open() {
			return err
		}
		attempt.Outcome, attempt.Failure, attempt.RequestID, attempt.FinishedAt = billing.OutcomeError, ge.Failure, ge.RequestID, p.Now()
		return tx.UpdateAttempt(ctx, attempt)
	})
}

// lockAttempt locks the plan and reads an attempt at its first charge again.
func lockAttempt(ctx context.Context, tx billing.Tx, plan billing.PlanID, sent billing.Attempt) (billing.Attempt, error) {
	if _, err := tx.LockPlan(ctx, plan); err != nil {
		return sent, err
	}
	attempts, err := tx.Attempts(ctx, sent.ChargeID)
	if err != nil {
		return sent, err
	}
	if n := sent.Number; n > len(attempts) || attempts[n-1].ID != sent.ID {
		return sent, fmt.Errorf("attempt %s: %w", sent.ID, billing.ErrNotFound)
	}
	return attempts[sent.Number-1], nil
}
