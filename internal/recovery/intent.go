package recovery

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tranche/internal/billing"
	"tranche/internal/money"
	"tranche/internal/planwork"
)

// intent fetches the charge's PaymentIntent, or creates it, and returns the state that its state
// allows.
func (d *Service) intent(ctx context.Context, v Page) (billing.PaymentIntent, State, error) {
	id := v.Charge.PaymentIntent
	if id == "" {
		return d.makeIntent(ctx, v)
	}
	pi, err := d.Gateway.PaymentIntent(ctx, id)
	if err != nil {
		return pi, "", err
	}
	state := stateAt(v.State, pi)
	if state.Payable() && (pi.Amount != v.Charge.Amount || pi.Currency != v.Charge.Currency) {
		return pi, "", fmt.Errorf("%w: %s is for %s, charge %s for %s", ErrDiffers, pi.ID,
			money.FormatAmount(pi.Amount, pi.Currency), v.Charge.ID, money.FormatAmount(v.Charge.Amount, v.Charge.Currency))
	}
	return pi, state, nil
}

// stateAt returns the state, given a PaymentIntent's state.
func stateAt(state State, pi billing.PaymentIntent) State {
	switch pi.Status {
	case billing.IntentSucceeded:
		return StatePaid
	case billing.IntentProcessing, billing.IntentRequiresCapture:
		return StateProcessing
	case billing.IntentCanceled: // its event is not handled yet
		return StateProcessing
	}
	return state
}

// makeIntent creates the PaymentIntent of a charge that has none, because it is paid early or
// because Stripe canceled its first PaymentIntent. It is not confirmed, and so takes no money. The
// attempt is written under the plan's lock before Stripe is called, and the database allows no
// other attempt while its outcome is unknown: the worker waits, and no second PaymentIntent that
// could be paid is created. If Stripe does not know the customer, another PaymentIntent is created
// without a customer.
func (d *Service) makeIntent(ctx context.Context, v Page) (billing.PaymentIntent, State, error) {
	pi, state, named, err := d.tryIntent(ctx, v)
	left, failed := d.unknown().LeaveRefused(ctx, v.named(named), err)
	if failed != nil {
		return pi, "", failed
	}
	if left {
		pi, state, _, err = d.tryIntent(ctx, v)
	}
	return pi, state, err
}

// tryIntent creates the PaymentIntent with the Stripe customer that the attempt names, and returns
// that customer.
func (d *Service) tryIntent(ctx context.Context, v Page) (_ billing.PaymentIntent, _ State, named string, _ error) {
	attempt, state, err := d.writeAttempt(ctx, v)
	if err != nil || !state.Payable() {
		return billing.PaymentIntent{}, state, "", err
	}
	named = attempt.Params.Customer
	if attempt.PaymentIntent != "" { // another request made it meanwhile
		pi, err := d.Gateway.PaymentIntent(ctx, attempt.PaymentIntent)
		return pi, state, "", err
	}
	pi, err := d.findOrCreate(ctx, v, attempt)
	var ge *billing.GatewayError
	switch {
	case err == nil:
	case errors.As(err, &ge) && (ge.Finished() || !ge.Resend()):
		return pi, "", named, errors.Join(err, d.noteRefusal(context.WithoutCancel(ctx), v.Plan.ID, attempt, ge))
	default:
		return pi, "", named, err // the same request is sent again under the same key
	}
	return pi, stateAt(state, pi), named, d.noteIntent(context.WithoutCancel(ctx), v.Plan.ID, attempt, pi)
}

// findOrCreate returns the PaymentIntent that Stripe has for the charge, and creates one if there
// is none. A database that went back in time may have lost a PaymentIntent that was created and
// paid since, and a new one could be paid a second time.
func (d *Service) findOrCreate(ctx context.Context, v Page, attempt billing.Attempt) (billing.PaymentIntent, error) {
	cards, err := d.Store.Cards(ctx, v.Customer.ID)
	if err != nil {
		return billing.PaymentIntent{}, err
	}
	made, err := billing.FindChargeIntent(ctx, d.Gateway, v.Customer.StripeCustomersIn(v.Plan.Account, cards),
		v.Plan.CreatedAt.Add(-findBefore), v.Charge.ID, "")
	if errors.Is(err, billing.ErrNotFound) {
		return d.Gateway.CreatePaymentIntent(ctx, attempt.IdempotencyKey, attempt.Params)
	}
	if err == nil && (made.Amount != v.Charge.Amount || made.Currency != v.Charge.Currency) {
		err = fmt.Errorf("%w: Stripe has %s for charge %s", ErrDiffers, made.ID, v.Charge.ID)
	}
	return made, err
}

// locked is a page and its charge as they are under the plan's lock.
type locked struct {
	page     Page
	charge   *billing.Charge // of the unit of work
	attempts []billing.Attempt
	state    State
}

// again reads again what a page shows, under its plan's lock.
func (d *Service) again(ctx context.Context, t *planwork.Tx, v Page) (l locked, err error) {
	if l.page, err = d.load(ctx, t.Tx, v.Link); err != nil {
		return l, err
	}
	if l.charge, err = t.Charge(v.Charge.ID); err != nil {
		return l, err
	}
	if l.attempts, err = t.Attempts(ctx, l.charge.ID); err != nil {
		return l, err
	}
	l.state = d.stateOf(l.page.Plan, *l.charge, l.page.Card, l.attempts)
	return l, nil
}

// inPlan changes a plan by the unit of work, at this moment to the millisecond.
func (d *Service) inPlan(ctx context.Context, id billing.PlanID, fn func(t *planwork.Tx) error) error {
	now := d.Now().Truncate(time.Millisecond)
	return d.Store.Update(ctx, func(tx billing.Tx) error {
		return planwork.New(planwork.Config{Rules: d.Rules}).In(ctx, tx, now, id, fn)
	})
}

// findBefore is how long before a plan's creation its payments are searched for, because clocks
// differ.
const findBefore = 24 * time.Hour

// writeAttempt writes the attempt that creates the PaymentIntent, or resumes an open one.
func (d *Service) writeAttempt(ctx context.Context, v Page) (attempt billing.Attempt, state State, err error) {
	err = d.inPlan(ctx, v.Plan.ID, func(t *planwork.Tx) error {
		attempt = billing.Attempt{}
		l, err := d.again(ctx, t, v)
		if err != nil {
			return err
		}
		if state = l.state; !state.Payable() {
			return nil
		}
		if l.charge.PaymentIntent != "" {
			attempt.PaymentIntent = l.charge.PaymentIntent
			return nil
		}
		if n := len(l.attempts); n > 0 && l.attempts[n-1].Outcome.Open() { // by stateOf, a customer's
			attempt = l.attempts[n-1]
			attempt.SendCount, attempt.SentAt = attempt.SendCount+1, t.Now
			return t.UpdateAttempt(ctx, attempt)
		}
		attempt = newAttempt(l.page, *l.charge, len(l.attempts)+1, t.Now)
		l.charge.AttemptCount = attempt.Number
		t.Touch(l.charge)
		return t.InsertAttempt(ctx, attempt)
	})
	return attempt, state, err
}

// newAttempt returns an attempt that creates a PaymentIntent for the customer to confirm. The
// confirmation sets setup_future_usage, which saves the card: with it on the PaymentIntent from the
// start, no retry could confirm the PaymentIntent without the customer (see refusedByState in
// internal/collect).
func newAttempt(v Page, c billing.Charge, number int, now time.Time) billing.Attempt {
	a := billing.NewAttempt(c.ID, number, billing.InitiatorCustomer, now)
	a.SendCount, a.SentAt = 1, now
	customer := v.StripeCustomer
	if v.Card != nil {
		customer = v.Card.StripeCustomer // the saved card can pay no other customer's PaymentIntent
	}
	return a.Sending(billing.PaymentParams{
		Amount: c.Amount, Currency: c.Currency, Customer: customer, Metadata: c.Metadata(v.Plan.Reference, a.ID),
		Description: v.Plan.PaymentDescription(c, len(v.Charges)),
	}.Connected(v.Plan.Connect))
}

// noteIntent records the PaymentIntent as the charge's, unless a worker has given up the attempt
// after waiting longer than a lease. confirm then does not hand out its client secret.
func (d *Service) noteIntent(ctx context.Context, plan billing.PlanID, made billing.Attempt, pi billing.PaymentIntent) error {
	return d.inPlan(ctx, plan, func(t *planwork.Tx) error {
		c, attempt, err := attemptAgain(ctx, t, made)
		if err != nil {
			return err
		}
		if c.PaymentIntent != "" || !attempt.Outcome.Open() {
			return nil
		}
		attempt.Outcome, attempt.PaymentIntent, attempt.RequestID = billing.OutcomeAwaitingCustomer, pi.ID, pi.RequestID
		if err := t.UpdateAttempt(ctx, attempt); err != nil {
			return err
		}
		t.NoteIntent(c, pi.ID)
		t.Audit(c, "charge.opened", fmt.Sprintf("charge %d of %s: the customer is about to pay it on the recovery page", c.Sequence,
			money.FormatAmount(c.Amount, c.Currency)), "")
		return nil
	})
}

// noteRefusal closes an attempt whose request Stripe refused or failed to carry out: the next
// attempt has another key.
func (d *Service) noteRefusal(ctx context.Context, plan billing.PlanID, made billing.Attempt, ge *billing.GatewayError) error {
	return d.inPlan(ctx, plan, func(t *planwork.Tx) error {
		_, attempt, err := attemptAgain(ctx, t, made)
		if err != nil || !attempt.Outcome.Open() {
			return err
		}
		attempt.Outcome, attempt.Failure, attempt.RequestID, attempt.FinishedAt = billing.OutcomeError, ge.Failure, ge.RequestID, t.Now
		return t.UpdateAttempt(ctx, attempt)
	})
}

// attemptAgain reads a charge and one of its attempts again, under the plan's lock.
func attemptAgain(ctx context.Context, t *planwork.Tx, a billing.Attempt) (*billing.Charge, billing.Attempt, error) {
	c, err := t.Charge(a.ChargeID)
	if err != nil {
		return c, a, err
	}
	attempts, err := t.Attempts(ctx, c.ID)
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
