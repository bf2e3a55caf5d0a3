package planning

import (
	"context"
	"fmt"
	"time"

	"tranche/internal/billing"
	"tranche/internal/planwork"
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
	err = p.inPlan(ctx, plan.ID, func(u *planwork.Tx) (err error) {
		made, attempt, err = pending(ctx, u.Tx, plan.ID, gone)
		if err != nil || made != "" || attempt.ID != "" || u.Plan.Status != billing.PlanAwaitingFirstPayment {
			return err
		}
		attempt, err = nextAttempt(ctx, u, t)
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
func nextAttempt(ctx context.Context, u *planwork.Tx, t terms.Terms) (billing.Attempt, error) {
	stripeCustomer, err := stripeCustomerOf(ctx, u.Tx, u.Plan, t)
	if err != nil {
		return billing.Attempt{}, err
	}
	first := &u.Charges[0]
	attempts, err := u.Attempts(ctx, first.ID)
	if err != nil {
		return billing.Attempt{}, err
	}
	if n := len(attempts); n > 0 && attempts[n-1].Params.Customer == stripeCustomer && attempts[n-1].Failure.Code == codeMissing {
		stripeCustomer = "" // the terms name it, but it no longer exists
	}
	if err := dropCanceled(ctx, u, first, attempts); err != nil {
		return billing.Attempt{}, err
	}
	attempt := checkoutAttempt(t, u.Plan.PaymentDescription(*first, len(u.Charges)), stripeCustomer, first, len(attempts)+1, u.Now)
	u.Touch(first)
	return attempt, u.InsertAttempt(ctx, attempt)
}

// dropCanceled removes a PaymentIntent that Stripe canceled from the charge, as its event would.
func dropCanceled(ctx context.Context, u *planwork.Tx, first *billing.Charge, attempts []billing.Attempt) error {
	gone := first.PaymentIntent
	if gone == "" {
		return nil
	}
	if n := len(attempts); n > 0 && attempts[n-1].Outcome == billing.OutcomeAwaitingCustomer {
		a := attempts[n-1]
		a.Outcome, a.FinishedAt = billing.OutcomeCanceled, u.Now
		if err := u.UpdateAttempt(ctx, a); err != nil {
			return err
		}
	}
	first.PaymentIntent = ""
	u.AuditBy(first, billing.ActorStripe, "charge.payment_intent_replaced", "Stripe canceled "+gone+" itself; a new one will be created", "")
	return nil
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
	return p.inPlan(ctx, plan.ID, func(u *planwork.Tx) error {
		attempt, err := attemptAgain(ctx, u, sent)
		if err != nil || !attempt.Outcome.Open() {
			return err
		}
		attempt.Outcome, attempt.Failure, attempt.RequestID, attempt.FinishedAt = billing.OutcomeError, ge.Failure, ge.RequestID, u.Now
		return u.UpdateAttempt(ctx, attempt)
	})
}

// attemptAgain reads an attempt at the first charge again, under the plan's lock.
func attemptAgain(ctx context.Context, u *planwork.Tx, sent billing.Attempt) (billing.Attempt, error) {
	attempts, err := u.Attempts(ctx, sent.ChargeID)
	if err != nil {
		return sent, err
	}
	if n := sent.Number; n > len(attempts) || attempts[n-1].ID != sent.ID {
		return sent, fmt.Errorf("attempt %s: %w", sent.ID, billing.ErrNotFound)
	}
	return attempts[sent.Number-1], nil
}

// inPlan changes a stored plan by the unit of work.
func (p *Planner) inPlan(ctx context.Context, id billing.PlanID, fn func(u *planwork.Tx) error) error {
	return p.Store.Update(ctx, func(tx billing.Tx) error {
		return planwork.New(planwork.Config{Rules: p.Rules}).In(ctx, tx, p.Now(), id, fn)
	})
}
