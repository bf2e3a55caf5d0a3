package planning

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tranche/internal/billing"
)

const (
	// copyTries and copyPause say how often, and after how long at first, a request looks again whose copy is at Stripe.
	copyTries = 6
	copyPause = 50 * time.Millisecond
)

// openFirstPayment makes the PaymentIntent of the first charge, or fetches it when it is there.
func (p *Planner) openFirstPayment(ctx context.Context, plan billing.Plan) (billing.PaymentIntent, error) {
	return whileInProgress(ctx, func() (billing.PaymentIntent, error) { return p.tryFirstPayment(ctx, plan) })
}

// whileInProgress tries again while Stripe is at work on a copy of the request, for a second and a half at most: merchants'
// servers send the same twice at once.
func whileInProgress[T any](ctx context.Context, do func() (T, error)) (T, error) {
	pause := copyPause
	for try := 1; ; try++ {
		made, err := do()
		var ge *billing.GatewayError
		if try == copyTries || !errors.As(err, &ge) || ge.Kind != billing.GatewayInProgress {
			return made, err
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return made, err
		}
		pause *= 2
	}
}

// tryFirstPayment does it once. An unconfirmed PaymentIntent takes no money, so sending this request again is safe however
// old its key is.
func (p *Planner) tryFirstPayment(ctx context.Context, plan billing.Plan) (billing.PaymentIntent, error) {
	charges, err := p.store.PlanCharges(ctx, plan.ID)
	if err != nil {
		return billing.PaymentIntent{}, err
	}
	first := charges[0]
	if first.PaymentIntent != "" {
		return p.gateway.PaymentIntent(ctx, first.PaymentIntent)
	}
	attempts, err := p.store.Attempts(ctx, first.ID)
	if err != nil {
		return billing.PaymentIntent{}, err
	}
	attempt := attempts[0]
	pi, err := p.gateway.CreatePaymentIntent(ctx, attempt.IdempotencyKey, attempt.Params)
	if err != nil && attempt.Params.Customer != "" && errors.Is(err, billing.ErrNotFound) {
		err = errors.Join(p.forgetStripeCustomer(ctx, plan, attempt.Params.Customer), errCustomerGone, err)
	}
	if err != nil {
		return billing.PaymentIntent{}, p.refused(ctx, plan, err)
	}
	return pi, p.recordFirstPayment(ctx, plan.ID, attempt, pi)
}

// errCustomerGone: the customer was deleted at Stripe and no event told us. The plan can be made without it.
var errCustomerGone = errors.New("the Stripe customer was deleted")

// forgetStripeCustomer lets go of a Stripe customer that no longer exists. In a connected account it is its cards that are gone.
func (p *Planner) forgetStripeCustomer(ctx context.Context, plan billing.Plan, gone string) error {
	return p.store.Update(ctx, func(tx billing.Tx) error {
		if plan.Account != "" {
			return billing.DetachCardsOf(ctx, tx, plan.CustomerID, plan.Account, gone, p.now())
		}
		customer, err := tx.Customer(ctx, plan.CustomerID)
		if err != nil {
			return err
		}
		customer.StripeCustomer, customer.UpdatedAt = "", p.now()
		return tx.UpdateCustomer(ctx, customer)
	})
}

// refused removes a plan that Stripe will not take; one whose outcome is unknown stays for the next try.
func (p *Planner) refused(ctx context.Context, plan billing.Plan, cause error) error {
	var ge *billing.GatewayError
	if errors.As(cause, &ge) && ge.Resend() {
		return fmt.Errorf("open plan %s at Stripe (send the same request again to complete it): %w", plan.ID, cause)
	}
	if err := p.store.Update(ctx, func(tx billing.Tx) error { return discard(ctx, tx, plan, p.now()) }); err != nil {
		return errors.Join(cause, err)
	}
	return fmt.Errorf("open the plan at Stripe: %w", cause)
}

// discard removes a plan. The entry goes with it; what stays is what endpoints are told, who may have heard of the plan.
func discard(ctx context.Context, tx billing.Tx, plan billing.Plan, now time.Time) error {
	err := tx.InsertAudit(ctx, billing.AuditEntry{
		At: now, Actor: billing.ActorStripe, Action: "plan.discarded", PlanID: plan.ID, CustomerID: plan.CustomerID,
		Message: fmt.Sprintf("plan %s is removed: Stripe refused its first payment, or its SetupIntent", plan.Reference),
	})
	if err != nil {
		return err
	}
	return tx.DeletePlan(ctx, plan.ID)
}

func (p *Planner) recordFirstPayment(ctx context.Context, id billing.PlanID, attempt billing.Attempt, pi billing.PaymentIntent) error {
	now := p.now()
	return p.store.Update(ctx, func(tx billing.Tx) error {
		if _, err := tx.LockPlan(ctx, id); err != nil {
			return err
		}
		charge, err := tx.Charge(ctx, attempt.ChargeID)
		if err != nil {
			return err
		}
		if charge.PaymentIntent != "" {
			return nil // a copy of this request, or the webhook, was here first
		}
		charge.PaymentIntent, charge.UpdatedAt = pi.ID, now
		if err := tx.UpdateCharge(ctx, charge); err != nil {
			return err
		}
		attempt.Outcome, attempt.PaymentIntent, attempt.RequestID = billing.OutcomeAwaitingCustomer, pi.ID, pi.RequestID
		attempt.SendCount, attempt.SentAt = attempt.SendCount+1, now
		return tx.UpdateAttempt(ctx, attempt)
	})
}
