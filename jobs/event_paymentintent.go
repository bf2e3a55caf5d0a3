package jobs

import (
	"context"
	"errors"
	"fmt"

	"tranche/internal/billing"
)

// errMismatch: what Stripe holds contradicts our record; nothing is changed and an operator must look.
var errMismatch = errors.New("stripe's record and ours differ")

// handlePaymentIntent follows a PaymentIntent to its present state, whichever event told of it.
func (w *Worker) handlePaymentIntent(ctx context.Context, e billing.Event) (verdict, error) {
	pi, err := w.Gateway.PaymentIntent(ctx, e.ObjectID)
	if errors.Is(err, billing.ErrNotFound) {
		return ignored("Stripe has no PaymentIntent %s", e.ObjectID), nil
	}
	if err != nil {
		return verdict{}, err
	}
	charge, err := w.chargeOf(ctx, pi)
	if errors.Is(err, billing.ErrNotFound) {
		return ignored("PaymentIntent %s belongs to no plan%s", pi.ID, inAccount(ctx)), nil
	}
	if err != nil {
		return verdict{}, err
	}
	if pi.Amount != charge.Amount || pi.Currency != charge.Currency {
		return verdict{}, fmt.Errorf("%w: %s is for %s, charge %s for %s", errMismatch, pi.ID,
			billing.FormatAmount(pi.Amount, pi.Currency), charge.ID, billing.FormatAmount(charge.Amount, charge.Currency))
	}
	v, err := w.follow(ctx, e, charge, pi)
	if errors.Is(err, billing.ErrExists) { // somebody wrote the same row at the same moment; now it is there to be read
		v, err = w.follow(ctx, e, charge, pi)
	}
	if errors.Is(err, billing.ErrExists) && pi.LatestCharge != "" {
		pi.LatestCharge = "" // an attempt at another charge of ours has it; see record
		return w.follow(ctx, e, charge, pi)
	}
	return v, err
}

// follow does what the PaymentIntent's state asks for.
func (w *Worker) follow(ctx context.Context, e billing.Event, charge billing.Charge, pi billing.PaymentIntent) (verdict, error) {
	switch pi.Status {
	case billing.IntentSucceeded:
		return handled, w.paymentSucceeded(ctx, e, charge, pi)
	case billing.IntentCanceled:
		return handled, w.paymentCanceled(ctx, charge, pi)
	case billing.IntentRequiresPaymentMethod:
		return handled, w.paymentDeclined(ctx, charge, pi)
	}
	return ignored("the PaymentIntent is %s: nothing to do yet", pi.Status), nil
}

// chargeOf finds the charge a PaymentIntent was made for: by its metadata (ours), by its id, or by making the plan that
// the merchant's metadata asks for, once it is paid.
func (w *Worker) chargeOf(ctx context.Context, pi billing.PaymentIntent) (billing.Charge, error) {
	if id := pi.Metadata[billing.MetaCharge]; id != "" {
		return w.chargeNamed(ctx, billing.ChargeID(id), pi)
	}
	c, err := w.Store.ChargeByPaymentIntent(ctx, pi.ID)
	if !errors.Is(err, billing.ErrNotFound) || !billing.AsksForPlan(pi.Metadata) || pi.Status != billing.IntentSucceeded {
		return c, err
	}
	if account := billing.AccountOf(ctx); account != "" {
		return c, fmt.Errorf("%s is a payment in the connected account %s, and plans there are made by POST /v1/plans: %w", pi.ID, account, billing.ErrNotFound)
	}
	plan, err := w.Planner.Adopt(ctx, pi)
	if err != nil {
		return billing.Charge{}, err
	}
	charges, err := w.Store.PlanCharges(ctx, plan.ID)
	if err != nil {
		return billing.Charge{}, err
	}
	return charges[0], nil
}

// chargeNamed is the charge that a PaymentIntent's metadata names, where it is of the same account and has no other.
func (w *Worker) chargeNamed(ctx context.Context, id billing.ChargeID, pi billing.PaymentIntent) (billing.Charge, error) {
	c, err := w.Store.Charge(ctx, id)
	if err == nil {
		err = w.inAccount(ctx, c.PlanID)
	}
	switch {
	case err != nil || c.PaymentIntent == "" || c.PaymentIntent == pi.ID:
		return c, err
	case pi.Status == billing.IntentSucceeded:
		return c, fmt.Errorf("%w: %s is paid, and charge %s has another PaymentIntent, %s; if both are paid, refund one at Stripe",
			errMismatch, pi.ID, id, c.PaymentIntent)
	}
	return c, fmt.Errorf("%s is not the PaymentIntent of charge %s any more: %w", pi.ID, id, billing.ErrNotFound)
}

// inAccount is nil where the plan belongs to the account that ctx is for. A connected account's owner writes what metadata they
// like: a payment there is none of another account's plan. Errors: ErrNotFound where it does not.
func (w *Worker) inAccount(ctx context.Context, id billing.PlanID) error {
	plan, err := w.Store.Plan(ctx, id)
	if err == nil && plan.Account != billing.AccountOf(ctx) {
		return fmt.Errorf("plan %s belongs to another account: %w", id, billing.ErrNotFound)
	}
	return err
}

// inAccount says in words which connected account ctx is for; empty for the platform's own.
func inAccount(ctx context.Context) string {
	if account := billing.AccountOf(ctx); account != "" {
		return " of " + account
	}
	return ""
}

// cardPatience is how often an event is handled before a payment is recorded although its card can't be saved yet. Both
// are one transaction where that takes half a minute at most; the money must not wait for the card much longer.
const cardPatience = 4

// paymentSucceeded saves the card that paid and marks the charge paid.
func (w *Worker) paymentSucceeded(ctx context.Context, e billing.Event, charge billing.Charge, pi billing.PaymentIntent) error {
	saved, unsaved := w.cardToSave(ctx, charge, pi)
	if unsaved != nil && e.Attempts < cardPatience {
		return unsaved
	}
	if err := errors.Join(w.recordPayment(ctx, charge, pi, saved), unsaved); err != nil || saved == nil {
		return err
	}
	return w.foldCards(ctx, charge.CustomerID)
}

func (w *Worker) recordPayment(ctx context.Context, charge billing.Charge, pi billing.PaymentIntent, saved *savedCard) error {
	return w.inPlan(ctx, charge.PlanID, func(t *planTx) error {
		c, err := t.charge(charge.ID)
		if err != nil {
			return err
		}
		before := t.plan.CardID
		if err := t.keepCard(ctx, c, pi, saved); err != nil {
			return err
		}
		actor, err := t.closeByEvent(ctx, c, pi, billing.OutcomeSucceeded)
		if err == nil && c.PaidOutside {
			t.paidTwice(c, pi)
			return nil
		}
		if err != nil || c.Status.Settled() || !c.Status.CanBecome(billing.ChargeSucceeded) {
			return err
		}
		if c.PaymentIntent == "" {
			c.PaymentIntent = pi.ID
		}
		if err := t.succeed(ctx, c, actor, "Stripe says "+pi.ID+" succeeded"); err != nil || t.plan.CardID == before {
			return err
		}
		return t.tryNewCard(ctx)
	})
}

// keepCard makes the card that paid the plan's, unless the plan was given another since, and notes what was agreed to.
func (t *planTx) keepCard(ctx context.Context, c *billing.Charge, pi billing.PaymentIntent, saved *savedCard) error {
	late, err := t.cardIsNewer(ctx, c)
	if err != nil {
		return err
	}
	if saved != nil && !late {
		if err := t.useCard(ctx, *saved); err != nil {
			return err
		}
	}
	return t.bindConsent(ctx, pi.PaymentMethod, pi.ID, c.ID)
}

// cardIsNewer says whether the plan was given its card after this charge was paid: late news of the payment must not
// bring the card before it back.
func (t *planTx) cardIsNewer(ctx context.Context, c *billing.Charge) (bool, error) {
	if c.PaidAt.IsZero() || t.plan.CardID == "" {
		return false, nil
	}
	card, err := t.Card(ctx, t.plan.CardID)
	return err == nil && !card.CreatedAt.Before(c.PaidAt), err
}

// paymentCanceled follows a cancellation at Stripe.
func (w *Worker) paymentCanceled(ctx context.Context, charge billing.Charge, pi billing.PaymentIntent) error {
	return w.inPlan(ctx, charge.PlanID, func(t *planTx) error {
		c, err := t.charge(charge.ID)
		if err != nil || c.Status.Ended() {
			return err
		}
		attempts, err := t.Attempts(ctx, c.ID)
		if n := len(attempts); err != nil || n > 0 && attempts[n-1].Outcome.Open() && !belongs(attempts[n-1], pi) {
			return err // news of one that was replaced
		}
		if _, err := t.closeByEvent(ctx, c, pi, billing.OutcomeCanceled); err != nil {
			return err
		}
		return t.intentCanceled(ctx, c, pi)
	})
}

// paymentDeclined notes a decline the customer met while paying in person. A decline of our own attempt is recorded by
// the worker that made it: only it knows which attempt the answer belongs to.
func (w *Worker) paymentDeclined(ctx context.Context, charge billing.Charge, pi billing.PaymentIntent) error {
	if pi.LastError == nil {
		return nil
	}
	return w.inPlan(ctx, charge.PlanID, func(t *planTx) error {
		c, err := t.charge(charge.ID)
		if err != nil || c.Status.Ended() {
			return err
		}
		if c.PaymentIntent == "" { // the decline's answer did not name it
			c.PaymentIntent = pi.ID
			t.touch(c)
		}
		fresh, err := t.noteDecline(ctx, c, pi)
		if err != nil || !fresh {
			return err
		}
		c.DeclineCode = pi.LastError.Cause()
		t.touch(c)
		t.audit(c, billing.ActorCustomer, "charge.declined",
			fmt.Sprintf("charge %d of %s: the customer's payment was declined (%s)", c.Sequence,
				billing.FormatAmount(c.Amount, c.Currency), pi.LastError.Cause()), "the customer may try again")
		return nil
	})
}
