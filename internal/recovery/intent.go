package recovery

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tranche/internal/billing"
)

// makeIntent makes the PaymentIntent of a charge that has none: one that is paid ahead of its time, or whose first was
// canceled by Stripe. It is not confirmed, and so takes no money. The attempt is written before Stripe is called, under
// the plan's lock, and while its outcome is unknown the database takes no other: the worker waits, and nobody makes a
// second PaymentIntent that could be paid.
func (d *Desk) makeIntent(ctx context.Context, v Visit) (billing.PaymentIntent, Branch, error) {
	attempt, branch, err := d.writeAttempt(ctx, v)
	if err != nil || !branch.Payable() {
		return billing.PaymentIntent{}, branch, err
	}
	if attempt.PaymentIntent != "" { // somebody else made it meanwhile
		pi, err := d.Gateway.PaymentIntent(ctx, attempt.PaymentIntent)
		return pi, branch, err
	}
	pi, err := d.Gateway.CreatePaymentIntent(ctx, attempt.IdempotencyKey, attempt.Params)
	var ge *billing.GatewayError
	switch {
	case err == nil:
	case errors.As(err, &ge) && !ge.Resend():
		return pi, "", errors.Join(err, d.noteRefusal(context.WithoutCancel(ctx), v.Plan.ID, attempt, ge))
	default:
		return pi, "", err // the same request goes out again under the same key
	}
	mine, err := d.noteIntent(context.WithoutCancel(ctx), v.Plan.ID, attempt, pi)
	if err == nil && !mine {
		branch = BranchProcessing
	}
	return pi, branch, err
}

// writeAttempt writes the attempt that makes the PaymentIntent, or takes up one that was left open.
func (d *Desk) writeAttempt(ctx context.Context, v Visit) (attempt billing.Attempt, branch Branch, err error) {
	now := d.Now().Truncate(time.Millisecond)
	err = d.Store.Update(ctx, func(tx billing.Tx) error {
		attempt = billing.Attempt{}
		if _, err := tx.LockPlan(ctx, v.Plan.ID); err != nil {
			return err
		}
		fresh, err := d.load(ctx, tx, v.Link)
		if err != nil {
			return err
		}
		c, err := tx.Charge(ctx, v.Charge.ID)
		if err != nil {
			return err
		}
		attempts, err := tx.Attempts(ctx, c.ID)
		if err != nil {
			return err
		}
		if branch = branchOf(fresh.Plan, c, fresh.Card, attempts); !branch.Payable() {
			return nil
		}
		if c.PaymentIntent != "" {
			attempt.PaymentIntent = c.PaymentIntent
			return nil
		}
		if n := len(attempts); n > 0 && attempts[n-1].Outcome.Open() { // by branchOf, a customer's
			attempt = attempts[n-1]
			attempt.SendCount, attempt.SentAt = attempt.SendCount+1, now
			return tx.UpdateAttempt(ctx, attempt)
		}
		attempt = newAttempt(fresh, c, len(attempts)+1, now)
		c.AttemptCount, c.UpdatedAt = attempt.Number, now
		if err := tx.UpdateCharge(ctx, c); err != nil {
			return err
		}
		return tx.InsertAttempt(ctx, attempt)
	})
	return attempt, branch, err
}

// newAttempt is a PaymentIntent for the customer to confirm. The card is saved by the confirmation, which asks for it: were
// setup_future_usage on the PaymentIntent from the start, no retry could confirm it without the customer (see jobs/send.go).
func newAttempt(v Visit, c billing.Charge, number int, now time.Time) billing.Attempt {
	a := billing.Attempt{
		ID: billing.NewAttemptID(now), ChargeID: c.ID, Number: number, Initiator: billing.InitiatorCustomer,
		Outcome: billing.OutcomeUnknown, SendCount: 1, SentAt: now, CreatedAt: now,
	}
	a.IdempotencyKey = string(a.ID)
	customer := v.StripeCustomer
	if v.Card != nil {
		customer = v.Card.StripeCustomer // the saved card can pay no other customer's PaymentIntent
	}
	a.Params = billing.PaymentParams{
		Amount: c.Amount, Currency: c.Currency, Customer: customer, Metadata: c.Metadata(v.Plan.Reference, a.ID),
		Description: fmt.Sprintf("%s (%d of %d)", v.Plan.Reference, c.Sequence, len(v.Charges)),
	}.Connected(v.Plan.Connect)
	return a
}

// noteIntent makes the PaymentIntent the charge's, and says whether it is: a worker that waited for longer than a lease has
// given the attempt up, and then nobody may be given this one's secret.
func (d *Desk) noteIntent(ctx context.Context, plan billing.PlanID, made billing.Attempt, pi billing.PaymentIntent) (mine bool, err error) {
	now := d.Now().Truncate(time.Millisecond)
	err = d.Store.Update(ctx, func(tx billing.Tx) error {
		mine = false
		c, attempt, err := lockAttempt(ctx, tx, plan, made)
		if err != nil {
			return err
		}
		if c.PaymentIntent != "" || !attempt.Outcome.Open() {
			mine = c.PaymentIntent == pi.ID
			return nil
		}
		mine = true
		attempt.Outcome, attempt.PaymentIntent, attempt.RequestID = billing.OutcomeAwaitingCustomer, pi.ID, pi.RequestID
		if err := tx.UpdateAttempt(ctx, attempt); err != nil {
			return err
		}
		c.PaymentIntent, c.UpdatedAt = pi.ID, now
		if err := tx.UpdateCharge(ctx, c); err != nil {
			return err
		}
		return tx.InsertAudit(ctx, billing.AuditEntry{
			At: now, Actor: billing.ActorCustomer, Action: "charge.opened", PlanID: plan, ChargeID: c.ID, CustomerID: c.CustomerID,
			Message: fmt.Sprintf("charge %d of %s: the customer is about to pay it on the recovery page", c.Sequence,
				billing.FormatAmount(c.Amount, c.Currency)),
		})
	})
	return mine, err
}

// noteRefusal closes an attempt whose request Stripe refused.
func (d *Desk) noteRefusal(ctx context.Context, plan billing.PlanID, made billing.Attempt, ge *billing.GatewayError) error {
	now := d.Now().Truncate(time.Millisecond)
	return d.Store.Update(ctx, func(tx billing.Tx) error {
		_, attempt, err := lockAttempt(ctx, tx, plan, made)
		if err != nil || !attempt.Outcome.Open() {
			return err
		}
		attempt.Outcome, attempt.Failure, attempt.RequestID, attempt.FinishedAt = billing.OutcomeError, ge.Failure, ge.RequestID, now
		return tx.UpdateAttempt(ctx, attempt)
	})
}

// lockAttempt locks the plan and reads a charge and one of its attempts anew.
func lockAttempt(ctx context.Context, tx billing.Tx, plan billing.PlanID, a billing.Attempt) (billing.Charge, billing.Attempt, error) {
	if _, err := tx.LockPlan(ctx, plan); err != nil {
		return billing.Charge{}, a, err
	}
	c, err := tx.Charge(ctx, a.ChargeID)
	if err != nil {
		return c, a, err
	}
	attempts, err := tx.Attempts(ctx, c.ID)
	if err != nil {
		return c, a, err
	}
	for _, one := range attempts {
		if one.ID == a.ID {
			return c, one, nil
		}
	}
	return c, a, fmt.Errorf("attempt %s: %w", a.ID, billing.ErrNotFound)
}
