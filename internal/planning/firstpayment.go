package planning

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"tranche/internal/billing"
	"tranche/internal/planwork"
	"tranche/internal/terms"
)

// codeMissing is Stripe's code for a call that names an object that does not exist.
const codeMissing = "resource_missing"

// openFirstPayment creates the PaymentIntent of the first charge, or fetches it if it exists. It
// waits while a copy of the request is in flight at Stripe.
func (p *Planner) openFirstPayment(ctx context.Context, plan billing.Plan, t terms.Terms) (billing.PaymentIntent, error) {
	for copies := (copyWait{}); ; {
		pi, err := p.tryFirstPayment(ctx, plan, t)
		if !copies.again(ctx, err) {
			return pi, err
		}
	}
}

// tryFirstPayment sends or resends the request that creates the PaymentIntent, or fetches the
// existing one. An unconfirmed PaymentIntent takes no money, so resending is safe for a key of any
// age. If Stripe failed to carry out the request, it is sent again as a new attempt.
func (p *Planner) tryFirstPayment(ctx context.Context, plan billing.Plan, t terms.Terms) (billing.PaymentIntent, error) {
	gone := ""
	for try := 1; ; try++ {
		made, attempt, err := p.firstAttempt(ctx, plan, t, gone)
		if err != nil || made == "" && attempt.ID == "" { // nothing to pay
			return billing.PaymentIntent{}, err
		}
		if made != "" {
			pi, err := p.Gateway.PaymentIntent(ctx, made)
			if err != nil || !pi.CanceledByStripe() || gone == made {
				return pi, err
			}
			gone = made // its event is not handled yet
			continue
		}
		pi, again, err := p.sendAttempt(ctx, plan, t, attempt, try < maxTries)
		if !again || err != nil {
			return pi, err
		}
	}
}

// sendAttempt sends the request of an attempt and records the PaymentIntent. again is true if the
// attempt was closed, so that another may follow, because Stripe failed to carry out the request or
// does not have the customer that it names; only mayRepeat allows that.
func (p *Planner) sendAttempt(ctx context.Context, plan billing.Plan, t terms.Terms, attempt billing.Attempt, mayRepeat bool) (pi billing.PaymentIntent, again bool, err error) {
	pi, err = p.Gateway.CreatePaymentIntent(ctx, attempt.IdempotencyKey, attempt.Params)
	if err == nil {
		return pi, false, p.recordFirstPayment(ctx, plan.ID, attempt, pi)
	}
	left, err := p.leaveUnknown(ctx, plan, t, attempt.Params.Customer, attempt.Number == 1, err)
	var ge *billing.GatewayError
	if mayRepeat && errors.As(err, &ge) && (left || ge.Finished()) {
		return billing.PaymentIntent{}, true, p.closeAttempt(ctx, plan, attempt, ge)
	}
	return billing.PaymentIntent{}, false, p.closeOrDiscard(ctx, plan, attempt, err)
}

// recordFirstPayment stores the created PaymentIntent in the charge. A charge that was canceled
// meanwhile becomes due, so that a worker cancels the PaymentIntent.
func (p *Planner) recordFirstPayment(ctx context.Context, id billing.PlanID, sent billing.Attempt, pi billing.PaymentIntent) error {
	return p.inPlan(ctx, id, func(u *planwork.Tx) error {
		attempt, err := attemptAgain(ctx, u, sent)
		if err != nil {
			return err
		}
		charge, err := u.Charge(attempt.ChargeID)
		if err != nil || charge.PaymentIntent != "" || attempt.Outcome != billing.OutcomeUnknown {
			return err // a copy of this request, a worker or the webhook was here first
		}
		u.NoteIntent(charge, pi.ID)
		attempt.Outcome, attempt.PaymentIntent, attempt.RequestID = billing.OutcomeAwaitingCustomer, pi.ID, pi.RequestID
		attempt.SendCount, attempt.SentAt = attempt.SendCount+1, u.Now
		return u.UpdateAttempt(ctx, attempt)
	})
}

// closeOrDiscard ends what a failed request leaves, and returns the error for the caller. If no
// attempt has reached Stripe, a refusal removes the plan; otherwise it closes the attempt. An
// attempt with an unknown outcome stays open.
func (p *Planner) closeOrDiscard(ctx context.Context, plan billing.Plan, attempt billing.Attempt, cause error) error {
	attempts, err := p.Store.Attempts(ctx, attempt.ChargeID)
	if err != nil {
		return errors.Join(cause, err)
	}
	reached := slices.ContainsFunc(attempts, func(a billing.Attempt) bool { return a.PaymentIntent != "" })
	var ge *billing.GatewayError
	refused := errors.As(cause, &ge) && !ge.Resend()
	switch {
	case !reached || ge != nil && !refused:
		return p.discardRefused(ctx, plan, cause)
	case refused:
		return errors.Join(fmt.Errorf("open the plan at Stripe: %w", cause), p.closeAttempt(ctx, plan, attempt, ge))
	}
	return fmt.Errorf("open the plan at Stripe: %w", cause)
}
