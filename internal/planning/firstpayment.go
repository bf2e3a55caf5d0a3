package planning

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"tranche/internal/billing"
)

const (
	// copyTries is how often a request is tried while a copy of it is in flight at Stripe.
	// copyPause is the first pause between tries; it doubles each time.
	copyTries = 6
	copyPause = 50 * time.Millisecond
)

// codeMissing is Stripe's code for a call that names an object that does not exist.
const codeMissing = "resource_missing"

// openFirstPayment creates the PaymentIntent of the first charge, or fetches it if it exists.
func (p *Planner) openFirstPayment(ctx context.Context, plan billing.Plan) (billing.PaymentIntent, error) {
	return whileInProgress(ctx, func() (billing.PaymentIntent, error) { return p.tryFirstPayment(ctx, plan) })
}

// whileInProgress retries while a copy of the request is in flight at Stripe, for a second and a
// half at most: merchants' servers sometimes send the same request twice at once.
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

// tryFirstPayment sends or resends the request that creates the PaymentIntent, or fetches the
// existing one. An unconfirmed PaymentIntent takes no money, so resending is safe for a key of any
// age. If Stripe failed to carry out the request, it is sent again as a new attempt.
func (p *Planner) tryFirstPayment(ctx context.Context, plan billing.Plan) (billing.PaymentIntent, error) {
	gone := ""
	for try := 1; ; try++ {
		made, attempt, err := p.firstAttempt(ctx, plan, gone)
		if err != nil || made == "" && attempt.ID == "" { // nothing to pay
			return billing.PaymentIntent{}, err
		}
		if made != "" {
			pi, err := p.gateway.PaymentIntent(ctx, made)
			if err != nil || !pi.CanceledByStripe() || gone == made {
				return pi, err
			}
			gone = made // its event is not handled yet
			continue
		}
		pi, again, err := p.sendAttempt(ctx, plan, attempt, try < maxTries)
		if !again || err != nil {
			return pi, err
		}
	}
}

// sendAttempt sends the request of an attempt and records the PaymentIntent. again is true if the
// attempt was closed, so that another may follow, because Stripe failed to carry out the request or
// does not have the customer that it names; only mayRepeat allows that.
func (p *Planner) sendAttempt(ctx context.Context, plan billing.Plan, attempt billing.Attempt, mayRepeat bool) (pi billing.PaymentIntent, again bool, err error) {
	pi, err = p.gateway.CreatePaymentIntent(ctx, attempt.IdempotencyKey, attempt.Params)
	if err == nil {
		return pi, false, p.recordFirstPayment(ctx, plan.ID, attempt, pi)
	}
	left, err := p.leaveUnknown(ctx, plan, attempt.Params.Customer, attempt.Number == 1, err)
	var ge *billing.GatewayError
	if mayRepeat && errors.As(err, &ge) && (left || ge.Finished()) {
		return billing.PaymentIntent{}, true, p.closeAttempt(ctx, plan, attempt, ge)
	}
	return billing.PaymentIntent{}, false, p.refusedAttempt(ctx, plan, attempt, err)
}

// leaveUnknown removes the Stripe customer that a refused call named from the plan's customer, if
// Stripe does not have it, and reports whether the call can be repeated without it. The error is
// the reason why it can't, or the refusal. For a new plan whose terms name the Stripe customer, the
// terms are at fault.
func (p *Planner) leaveUnknown(ctx context.Context, plan billing.Plan, named string, isNew bool, refusal error) (bool, error) {
	at := billing.NamedCustomer{Customer: plan.CustomerID, StripeCustomer: named, Account: plan.Account}
	left, err := p.unknown.LeaveRefused(ctx, at, refusal)
	if err != nil {
		return false, err
	}
	if !left || !isNew {
		return left, refusal
	}
	var t billing.Terms
	if err := json.Unmarshal(plan.Terms, &t); err != nil {
		return false, fmt.Errorf("read the terms of plan %s: %w", plan.ID, err)
	}
	if t.Customer.StripeCustomer == named {
		return false, noStripeCustomer(named)
	}
	return true, refusal
}

// firstAttempt returns the PaymentIntent of the first charge, or the attempt that is to create it:
// the open attempt, or a new one if Stripe canceled the PaymentIntent of the previous attempts.
// gone is a PaymentIntent that is known to be canceled by Stripe; may be empty. Both results are
// zero when nothing is left to pay.
func (p *Planner) firstAttempt(ctx context.Context, plan billing.Plan, gone string) (string, billing.Attempt, error) {
	made, attempt, err := pending(ctx, p.store, plan.ID, gone)
	if err != nil || made != "" || attempt.ID != "" {
		return made, attempt, err
	}
	err = p.store.Update(ctx, func(tx billing.Tx) error {
		locked, err := tx.LockPlan(ctx, plan.ID)
		if err != nil {
			return err
		}
		made, attempt, err = pending(ctx, tx, plan.ID, gone)
		if err != nil || made != "" || attempt.ID != "" || locked.Status != billing.PlanAwaitingFirstPayment {
			return err
		}
		attempt, err = p.nextAttempt(ctx, tx, locked)
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
func (p *Planner) nextAttempt(ctx context.Context, tx billing.Tx, plan billing.Plan) (billing.Attempt, error) {
	var t billing.Terms
	if err := json.Unmarshal(plan.Terms, &t); err != nil {
		return billing.Attempt{}, fmt.Errorf("read the terms of plan %s: %w", plan.ID, err)
	}
	customer, err := tx.Customer(ctx, plan.CustomerID)
	if err != nil {
		return billing.Attempt{}, err
	}
	stripeCustomer, err := p.customerOf(ctx, tx, plan, customer)
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
	now := p.now()
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

// refusedAttempt handles a request that failed. If no attempt has reached Stripe, a refusal removes
// the plan too; otherwise the attempt is closed.
func (p *Planner) refusedAttempt(ctx context.Context, plan billing.Plan, attempt billing.Attempt, cause error) error {
	attempts, err := p.store.Attempts(ctx, attempt.ChargeID)
	if err != nil {
		return errors.Join(cause, err)
	}
	reached := slices.ContainsFunc(attempts, func(a billing.Attempt) bool { return a.PaymentIntent != "" })
	var ge *billing.GatewayError
	refused := errors.As(cause, &ge) && !ge.Resend()
	switch {
	case !reached || ge != nil && !refused:
		return p.refused(ctx, plan, cause)
	case refused:
		return errors.Join(fmt.Errorf("open the plan at Stripe: %w", cause), p.closeAttempt(ctx, plan, attempt, ge))
	}
	return fmt.Errorf("open the plan at Stripe: %w", cause)
}

// closeAttempt ends an attempt whose request Stripe refused or failed to carry out, so that the
// next request creates another attempt.
func (p *Planner) closeAttempt(ctx context.Context, plan billing.Plan, sent billing.Attempt, ge *billing.GatewayError) error {
	return p.store.Update(ctx, func(tx billing.Tx) error {
		attempt, err := lockAttempt(ctx, tx, plan.ID, sent)
		if err != nil || !attempt.Outcome.Open() {
			return err
		}
		attempt.Outcome, attempt.Failure, attempt.RequestID, attempt.FinishedAt = billing.OutcomeError, ge.Failure, ge.RequestID, p.now()
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

// refused removes a plan that Stripe refuses. A plan with an unknown outcome is kept for the next
// try.
func (p *Planner) refused(ctx context.Context, plan billing.Plan, cause error) error {
	var ge *billing.GatewayError
	if errors.As(cause, &ge) && ge.Kind == billing.GatewayUnauthorized {
		return fmt.Errorf("open plan %s at Stripe (it is stored; fix the key, then send the same request again to complete it): %w", plan.ID, cause)
	}
	if errors.As(cause, &ge) && ge.Resend() {
		return fmt.Errorf("open plan %s at Stripe (send the same request again to complete it): %w", plan.ID, cause)
	}
	if err := p.store.Update(ctx, func(tx billing.Tx) error { return discard(ctx, tx, plan, p.now()) }); err != nil {
		return errors.Join(cause, err)
	}
	return fmt.Errorf("open the plan at Stripe: %w", cause)
}

// discard removes a plan. Its audit entries stay, and the endpoints that were notified of the plan
// are notified of its removal.
func discard(ctx context.Context, tx billing.Tx, plan billing.Plan, now time.Time) error {
	err := tx.InsertAudit(ctx, billing.AuditEntry{
		At: now, Actor: billing.ActorStripe, Action: "plan.discarded", PlanID: plan.ID, CustomerID: plan.CustomerID,
		Message: fmt.Sprintf("plan %s was removed: Stripe refused its first payment or its SetupIntent", plan.Reference),
	})
	if err != nil {
		return err
	}
	return tx.DeletePlan(ctx, plan.ID)
}

// recordFirstPayment stores the created PaymentIntent in the charge. A charge that was canceled
// meanwhile becomes due, so that a worker cancels the PaymentIntent.
func (p *Planner) recordFirstPayment(ctx context.Context, id billing.PlanID, sent billing.Attempt, pi billing.PaymentIntent) error {
	now := p.now()
	return p.store.Update(ctx, func(tx billing.Tx) error {
		attempt, err := lockAttempt(ctx, tx, id, sent)
		if err != nil {
			return err
		}
		charge, err := tx.Charge(ctx, attempt.ChargeID)
		if err != nil || charge.PaymentIntent != "" || attempt.Outcome != billing.OutcomeUnknown {
			return err // a copy of this request, a worker or the webhook was here first
		}
		charge.NoteIntent(pi.ID, now)
		charge.UpdatedAt = now
		if err := tx.UpdateCharge(ctx, charge); err != nil {
			return err
		}
		attempt.Outcome, attempt.PaymentIntent, attempt.RequestID = billing.OutcomeAwaitingCustomer, pi.ID, pi.RequestID
		attempt.SendCount, attempt.SentAt = attempt.SendCount+1, now
		return tx.UpdateAttempt(ctx, attempt)
	})
}
