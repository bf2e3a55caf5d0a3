package jobs

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"tranche/internal/billing"
	"tranche/internal/planning"
)

// errMismatch: what Stripe holds contradicts our record; nothing is changed and an operator must
// look.
var errMismatch = errors.New("stripe's record and ours differ")

// fetchPayment asks Stripe for a PaymentIntent.
func (w *Worker) fetchPayment(ctx context.Context, s subject) (subject, error) {
	pi, err := w.Gateway.PaymentIntent(ctx, s.payment)
	if errors.Is(err, billing.ErrNotFound) {
		return s, notHere("PaymentIntent", s.payment)
	}
	s.intent = pi
	return s.labeled(pi.Metadata), err
}

// handlePaymentIntent follows a PaymentIntent to its present state, whichever event reported it.
func (w *Worker) handlePaymentIntent(ctx context.Context, e billing.Event, about subject) (verdict, error) {
	v, err := w.followIntent(ctx, e, about.intent)
	if err != nil {
		return v, err
	}
	return v, w.noteDeclinedTry(ctx, e, about.intent)
}

// followIntent brings the charge of a PaymentIntent in line with its state.
func (w *Worker) followIntent(ctx context.Context, e billing.Event, pi billing.PaymentIntent) (verdict, error) {
	charge, err := w.chargeOf(ctx, pi)
	if errors.Is(err, billing.ErrNotFound) {
		return ignored("PaymentIntent %s belongs to no plan%s", pi.ID, inAccount(ctx)), nil
	}
	if paid, ok := isSecond(err); ok {
		return w.secondPayment(ctx, paid, pi)
	}
	if err != nil {
		return verdict{}, err
	}
	if !sameAmount(charge, pi) && pi.Status != billing.IntentSucceeded { // money that was taken is recorded as such
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

// chargeOf finds the charge a PaymentIntent was made for: by its metadata (ours), by its id, or by
// making the plan that the merchant's metadata asks for, once it is paid.
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
	if twice, ok := errors.AsType[*planning.PaidTwiceError](err); ok {
		return twice.Charge, &secondPaymentError{twice.Charge}
	}
	if err != nil {
		return billing.Charge{}, err
	}
	charges, err := w.Store.PlanCharges(ctx, plan.ID)
	if err != nil {
		return billing.Charge{}, err
	}
	return charges[0], nil
}

// chargeNamed is the charge that a PaymentIntent's metadata names, where the charge has no other.
func (w *Worker) chargeNamed(ctx context.Context, id billing.ChargeID, pi billing.PaymentIntent) (billing.Charge, error) {
	c, err := w.Store.Charge(ctx, id)
	if errors.Is(err, billing.ErrNotFound) {
		c, err = w.lostCharge(ctx, id, pi)
	}
	switch {
	case err != nil || c.PaymentIntent == "" || c.PaymentIntent == pi.ID:
		return c, err
	case pi.Status == billing.IntentSucceeded && c.Status.Settled():
		return c, &secondPaymentError{c}
	case pi.Status == billing.IntentSucceeded:
		return w.paidByAnother(ctx, c, pi)
	}
	return c, fmt.Errorf("%s is not the PaymentIntent of charge %s any more: %w", pi.ID, id, billing.ErrNotFound)
}

// inAccount says in words which connected account ctx is for; empty for the platform's own.
func inAccount(ctx context.Context) string {
	if account := billing.AccountOf(ctx); account != "" {
		return " of " + account
	}
	return ""
}

// cardPatience is how often an event is handled before a payment is recorded although its card
// can't be saved yet. Both are one transaction where that takes half a minute at most; the money
// must not wait for the card much longer.
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
	if err := w.moveOthers(ctx, charge, pi, *saved); err != nil {
		return err
	}
	return w.mergeDuplicates(ctx, charge.CustomerID)
}

// moveOthers has the customer's other plans charge the card that paid, where the consent that the
// customer gave with the payment lists them. A plan whose own card is newer keeps it: the payment
// may be old news.
func (w *Worker) moveOthers(ctx context.Context, charge billing.Charge, pi billing.PaymentIntent, saved savedCard) error {
	paid, err := w.Store.Plan(ctx, charge.PlanID)
	if err != nil || saved.problem != "" {
		return err
	}
	card, err := w.Store.CardByPaymentMethod(ctx, pi.PaymentMethod)
	if errors.Is(err, billing.ErrNotFound) || err == nil && paid.CardID != card.ID {
		return nil // the plan was given another card since, and so were the others
	}
	if err != nil {
		return err
	}
	plans, err := plansOfCard(ctx, w.Store, pi.ID, charge.PlanID)
	if err != nil {
		return err
	}
	for _, id := range plans {
		if id == charge.PlanID {
			continue
		}
		if err := w.moveToCard(ctx, id, charge.CustomerID, saved); err != nil {
			return err
		}
	}
	return nil
}

// recordPayment writes that a PaymentIntent of the charge succeeded.
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
		if err != nil {
			return err
		}
		return t.takePayment(ctx, c, pi, actor, before)
	})
}

// takePayment counts a succeeded PaymentIntent as the charge's, or as money too much. cardBefore is
// the plan's card before the payment. A new one is tried on the plan's other charges.
func (t *planTx) takePayment(ctx context.Context, c *billing.Charge, pi billing.PaymentIntent, actor billing.Actor, cardBefore billing.CardID) error {
	switch {
	case c.PaidOutside:
		return t.paidOutsideToo(ctx, c, pi)
	case c.Status.Settled() && c.PaymentIntent != "" && c.PaymentIntent != pi.ID:
		return t.paidTwice(ctx, c, pi, "it was paid by "+c.PaymentIntent)
	case c.Status.Settled() || !c.Status.CanBecome(billing.ChargeSucceeded):
		return nil
	}
	if c.PaymentIntent == "" {
		t.noteIntent(c, pi.ID)
	}
	if !sameAmount(*c, pi) {
		return t.otherAmount(c, pi)
	}
	if err := t.succeed(ctx, c, actor, "Stripe says "+pi.ID+" succeeded"); err != nil || t.plan.CardID == cardBefore {
		return err
	}
	t.customerPaid = true
	return t.tryNewCard(ctx, billing.ActorCustomer, "the customer gave a new card")
}

// keepCard makes the card that the customer paid with the plan's, unless the plan was given another
// since, and notes what was agreed to. A card that an attempt of ours paid with is the plan's only
// as a backup card.
func (t *planTx) keepCard(ctx context.Context, c *billing.Charge, pi billing.PaymentIntent, saved *savedCard) error {
	attempts, err := t.Attempts(ctx, c.ID)
	if err != nil {
		return err
	}
	if chargedByUs(attempts, pi.PaymentMethod) {
		return t.keepBackup(ctx, c, pi.PaymentMethod)
	}
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

// chargedByUs reports whether an attempt of the merchant's was made with the card. A card that the
// customer enters is a PaymentMethod of its own, so no attempt was made with it before.
func chargedByUs(attempts []billing.Attempt, paymentMethod string) bool {
	return paymentMethod != "" && slices.ContainsFunc(attempts, func(a billing.Attempt) bool {
		return a.Initiator == billing.InitiatorMerchant && a.Params.PaymentMethod == paymentMethod
	})
}

// cardIsNewer says whether the plan was given its card after this charge was paid: late news of the
// payment must not bring the card before it back.
func (t *planTx) cardIsNewer(ctx context.Context, c *billing.Charge) (bool, error) {
	if c.PaidAt.IsZero() || t.plan.CardID == "" {
		return false, nil
	}
	card, err := t.Card(ctx, t.plan.CardID)
	return err == nil && !card.CreatedAt.Before(c.PaidAt), err
}

// paymentCanceled follows a cancellation at Stripe. News of a PaymentIntent that is not the
// charge's any more changes nothing: under the lock, because it may have been replaced since it was
// looked up.
func (w *Worker) paymentCanceled(ctx context.Context, charge billing.Charge, pi billing.PaymentIntent) error {
	replacement, err := w.replacementOf(ctx, charge, pi)
	if err != nil {
		return err
	}
	err = w.followCancellation(ctx, charge, pi, replacement)
	if err == nil && replacement.Status == billing.IntentSucceeded && replacement.Amount == charge.Amount && replacement.Currency == charge.Currency {
		return w.recordPayment(ctx, charge, replacement, nil)
	}
	return err
}

// followCancellation writes what a cancellation means: nothing is owed any more, or replacement
// (zero: there is none) is paid instead.
func (w *Worker) followCancellation(ctx context.Context, charge billing.Charge, pi, replacement billing.PaymentIntent) error {
	return w.inPlan(ctx, charge.PlanID, func(t *planTx) error {
		c, err := t.charge(charge.ID)
		if err != nil || c.Status.Ended() {
			return err
		}
		attempts, err := t.Attempts(ctx, c.ID)
		if err != nil || otherOpen(attempts, pi) {
			return err
		}
		if replacement.ID != "" {
			if c.PaymentIntent == "" || c.PaymentIntent == pi.ID {
				t.takeReplacement(c, pi, replacement)
			}
			return nil
		}
		if !isCurrent(*c, attempts, pi) {
			return nil
		}
		if c.PaymentIntent == "" { // the answer that named it was lost
			t.noteIntent(c, pi.ID)
		}
		if _, err := t.closeByEvent(ctx, c, pi, billing.OutcomeCanceled); err != nil {
			return err
		}
		return t.intentCanceled(ctx, c, pi)
	})
}

// otherOpen reports whether an open attempt was made with another PaymentIntent.
func otherOpen(attempts []billing.Attempt, pi billing.PaymentIntent) bool {
	n := len(attempts)
	return n > 0 && attempts[n-1].Outcome.Open() && !belongs(attempts[n-1], pi)
}

// isCurrent reports whether a canceled PaymentIntent is the one that the charge is to be paid by. A
// charge without one has that of its last attempt, if the answer did not name it. One that no
// attempt stands for was lost with the database: then only a cancellation by the merchant is news.
func isCurrent(c billing.Charge, attempts []billing.Attempt, pi billing.PaymentIntent) bool {
	if c.PaymentIntent != "" {
		return c.PaymentIntent == pi.ID
	}
	for i, a := range attempts {
		if a.PaymentIntent == pi.ID || a.PaymentIntent == "" && belongs(a, pi) {
			return i == len(attempts)-1 && a.FinishedAt.IsZero() || a.PaymentIntent == "" && a.Outcome == billing.OutcomeDeclined
		}
	}
	return !pi.CanceledByStripe()
}

// paymentDeclined notes a decline the customer met while paying in person. A decline of our own
// attempt is recorded by the worker that made it: only it knows which attempt the answer belongs
// to.
func (w *Worker) paymentDeclined(ctx context.Context, charge billing.Charge, pi billing.PaymentIntent) error {
	if pi.LastError == nil {
		return nil
	}
	return w.inPlan(ctx, charge.PlanID, func(t *planTx) error {
		c, err := t.charge(charge.ID)
		if err != nil || c.Status.Settled() && !c.Void() {
			return err
		}
		if c.PaymentIntent == "" { // the decline's answer did not name it
			t.noteIntent(c, pi.ID)
		}
		if c.Status.Ended() {
			return nil
		}
		fresh, err := t.noteDecline(ctx, c, pi)
		if err != nil || !fresh {
			return err
		}
		c.DeclineCode = pi.LastError.Cause()
		t.touch(c)
		t.auditBy(c, billing.ActorCustomer, "charge.declined",
			fmt.Sprintf("charge %d of %s: the customer's payment was declined (%s)", c.Sequence,
				billing.FormatAmount(c.Amount, c.Currency), pi.LastError.Cause()), "the customer may try again")
		return nil
	})
}
