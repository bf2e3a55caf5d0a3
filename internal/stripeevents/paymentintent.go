package stripeevents

import (
	"context"
	"errors"
	"fmt"

	"tranche/internal/billing"
	"tranche/internal/cards"
	"tranche/internal/collect"
	"tranche/internal/money"
	"tranche/internal/planning"
	"tranche/internal/planwork"
)

// errMismatch reports that Stripe's record contradicts ours. Nothing is changed, and an operator
// must look.
var errMismatch = errors.New("stripe's record and ours differ")

// paymentKind defines how the events about PaymentIntents are handled.
func paymentKind() eventKind {
	return eventKind{
		names: func(e billing.Event) subject { return subject{payment: e.ObjectID} },
		fetch: (*Handler).fetchPayment, handle: (*Handler).handlePaymentIntent,
	}
}

// fetchPayment fetches a PaymentIntent from Stripe.
func (h *Handler) fetchPayment(ctx context.Context, s subject) (subject, error) {
	pi, err := h.Gateway.PaymentIntent(ctx, s.payment)
	if errors.Is(err, billing.ErrNotFound) {
		return s, notHere("PaymentIntent", s.payment)
	}
	s.intent = pi
	return s.labeled(pi.Metadata), err
}

// handlePaymentIntent updates the charge of a PaymentIntent to its current state at Stripe,
// whichever event reported it.
func (h *Handler) handlePaymentIntent(ctx context.Context, e billing.Event, about subject) (verdict, error) {
	v, err := h.followIntent(ctx, e, about.intent)
	if err != nil {
		return v, err
	}
	return v, h.noteDeclinedTry(ctx, e, about.intent)
}

// followIntent updates the charge of a PaymentIntent to the PaymentIntent's state.
func (h *Handler) followIntent(ctx context.Context, e billing.Event, pi billing.PaymentIntent) (verdict, error) {
	charge, err := h.chargeOf(ctx, pi)
	if errors.Is(err, billing.ErrNotFound) {
		return ignored("PaymentIntent %s belongs to no plan%s", pi.ID, inAccount(ctx)), nil
	}
	if paid, ok := isSecond(err); ok {
		return h.secondPayment(ctx, paid, pi)
	}
	if err != nil {
		return verdict{}, err
	}
	if !collect.SameAmount(charge, pi) && pi.Status != billing.IntentSucceeded { // a payment of any amount is recorded
		return verdict{}, fmt.Errorf("%w: %s is for %s, charge %s for %s", errMismatch, pi.ID,
			money.FormatAmount(pi.Amount, pi.Currency), charge.ID, money.FormatAmount(charge.Amount, charge.Currency))
	}
	v, err := h.follow(ctx, e, charge, pi)
	if errors.Is(err, billing.ErrExists) { // a concurrent task wrote the same row, which can be read now
		v, err = h.follow(ctx, e, charge, pi)
	}
	if errors.Is(err, billing.ErrExists) && pi.LatestCharge != "" {
		pi.LatestCharge = "" // an attempt at another charge has this id already; collect does the same
		return h.follow(ctx, e, charge, pi)
	}
	return v, err
}

// follow handles the PaymentIntent's current state.
func (h *Handler) follow(ctx context.Context, e billing.Event, charge billing.Charge, pi billing.PaymentIntent) (verdict, error) {
	switch pi.Status {
	case billing.IntentSucceeded:
		return handled, h.paymentSucceeded(ctx, e, charge, pi)
	case billing.IntentCanceled:
		return handled, h.paymentCanceled(ctx, charge, pi)
	case billing.IntentRequiresPaymentMethod:
		return handled, h.paymentDeclined(ctx, charge, pi)
	}
	return ignored("the PaymentIntent is %s: nothing to do yet", pi.Status), nil
}

// chargeOf finds the charge of a PaymentIntent: by Tranche's metadata, by the PaymentIntent's id,
// or by adopting a paid PaymentIntent whose metadata asks for a plan.
func (h *Handler) chargeOf(ctx context.Context, pi billing.PaymentIntent) (billing.Charge, error) {
	if id := pi.Metadata[billing.MetaCharge]; id != "" {
		return h.chargeNamed(ctx, billing.ChargeID(id), pi)
	}
	c, err := h.Store.ChargeByPaymentIntent(ctx, pi.ID)
	if !errors.Is(err, billing.ErrNotFound) || !billing.AsksForPlan(pi.Metadata) || pi.Status != billing.IntentSucceeded {
		return c, err
	}
	if account := billing.AccountOf(ctx); account != "" {
		return c, fmt.Errorf("%s is a payment in the connected account %s, and plans there are made by POST /v1/plans: %w", pi.ID, account, billing.ErrNotFound)
	}
	plan, err := h.Planner.Adopt(ctx, pi)
	if twice, ok := errors.AsType[*planning.PaidTwiceError](err); ok {
		return twice.Charge, &collect.SecondPaymentError{Charge: twice.Charge}
	}
	if err != nil {
		return billing.Charge{}, err
	}
	charges, err := h.Store.PlanCharges(ctx, plan.ID)
	if err != nil {
		return billing.Charge{}, err
	}
	return charges[0], nil
}

// chargeNamed returns the charge that a PaymentIntent's metadata names, if the charge has no other
// PaymentIntent.
func (h *Handler) chargeNamed(ctx context.Context, id billing.ChargeID, pi billing.PaymentIntent) (billing.Charge, error) {
	c, err := h.Store.Charge(ctx, id)
	if errors.Is(err, billing.ErrNotFound) {
		c, err = h.Collect.RestoreCharge(ctx, id, pi)
	}
	switch {
	case err != nil || c.PaymentIntent == "" || c.PaymentIntent == pi.ID:
		return c, err
	case pi.Status == billing.IntentSucceeded && c.Status.Settled():
		return c, &collect.SecondPaymentError{Charge: c}
	case pi.Status == billing.IntentSucceeded:
		return h.Collect.AdoptPaidIntent(ctx, c, pi)
	}
	return c, fmt.Errorf("%s is not the PaymentIntent of charge %s any more: %w", pi.ID, id, billing.ErrNotFound)
}

// inAccount describes the connected account that ctx is for. It is empty for the platform's own.
func inAccount(ctx context.Context) string {
	if account := billing.AccountOf(ctx); account != "" {
		return " of " + account
	}
	return ""
}

// cardPatience is how often an event is handled before a payment is recorded although its card
// can't be saved yet. Until then, payment and card are recorded in one transaction, half a minute
// later at most. The payment must not wait for the card much longer.
const cardPatience = 4

// paymentSucceeded saves the card that paid and marks the charge as paid.
func (h *Handler) paymentSucceeded(ctx context.Context, e billing.Event, charge billing.Charge, pi billing.PaymentIntent) error {
	saved, unsaved := h.Cards.AttachPayingCard(ctx, charge, pi)
	if unsaved != nil && e.Attempts < cardPatience {
		return unsaved
	}
	if err := errors.Join(h.Collect.RecordPayment(ctx, charge, pi, saved), unsaved); err != nil || saved == nil {
		return err
	}
	if err := h.moveOthers(ctx, charge, pi, *saved); err != nil {
		return err
	}
	return h.Cards.MergeDuplicates(ctx, charge.CustomerID)
}

// moveOthers makes the customer's other plans charge the card that paid, if the consent that the
// customer gave with the payment lists them. A plan whose own card is newer keeps it, because the
// event may be late.
func (h *Handler) moveOthers(ctx context.Context, charge billing.Charge, pi billing.PaymentIntent, saved cards.Saved) error {
	paid, err := h.Store.Plan(ctx, charge.PlanID)
	if err != nil || saved.Problem != "" {
		return err
	}
	card, err := h.Store.CardByPaymentMethod(ctx, pi.PaymentMethod)
	if errors.Is(err, billing.ErrNotFound) || err == nil && paid.CardID != card.ID {
		return nil // the plan, like the others, has got another card since
	}
	if err != nil {
		return err
	}
	plans, err := cards.ConsentedPlans(ctx, h.Store, pi.ID, charge.PlanID)
	if err != nil {
		return err
	}
	for _, id := range plans {
		if id == charge.PlanID {
			continue
		}
		if err := h.Cards.MoveToCard(ctx, id, charge.CustomerID, saved); err != nil {
			return err
		}
	}
	return nil
}

// paymentCanceled handles a cancellation at Stripe. A cancellation of a PaymentIntent that is not
// the charge's any more changes nothing. This is checked under the lock, because the PaymentIntent
// may have been replaced since it was looked up.
func (h *Handler) paymentCanceled(ctx context.Context, charge billing.Charge, pi billing.PaymentIntent) error {
	replacement, err := h.Collect.ReplacementOf(ctx, charge, pi)
	if err != nil {
		return err
	}
	err = h.followCancellation(ctx, charge, pi, replacement)
	if err == nil && replacement.Status == billing.IntentSucceeded && replacement.Amount == charge.Amount && replacement.Currency == charge.Currency {
		return h.Collect.RecordPayment(ctx, charge, replacement, nil)
	}
	return err
}

// followCancellation records the effect of a cancellation: the charge is no longer owed, or
// replacement is paid instead. A zero replacement means that none exists.
func (h *Handler) followCancellation(ctx context.Context, charge billing.Charge, pi, replacement billing.PaymentIntent) error {
	return h.Do(ctx, charge.PlanID, func(t *planwork.Tx) error {
		c, err := t.Charge(charge.ID)
		if err != nil || c.Status.Ended() {
			return err
		}
		attempts, err := t.Attempts(ctx, c.ID)
		if err != nil || otherOpen(attempts, pi) {
			return err
		}
		if replacement.ID != "" {
			if c.PaymentIntent == "" || c.PaymentIntent == pi.ID {
				collect.AdoptReplacement(t, c, pi, replacement)
			}
			return nil
		}
		if !isCurrent(*c, attempts, pi) {
			return nil
		}
		if c.PaymentIntent == "" { // the answer that named the PaymentIntent was lost
			t.NoteIntent(c, pi.ID)
		}
		if _, err := collect.CloseAttempt(ctx, t, c, pi, billing.OutcomeCanceled); err != nil {
			return err
		}
		return collect.RecordCancellation(ctx, t, c, pi)
	})
}

// otherOpen reports whether an open attempt was made with another PaymentIntent.
func otherOpen(attempts []billing.Attempt, pi billing.PaymentIntent) bool {
	n := len(attempts)
	return n > 0 && attempts[n-1].Outcome.Open() && !collect.AttemptUses(attempts[n-1], pi)
}

// isCurrent reports whether a canceled PaymentIntent is the one that the charge is to be paid with.
// A charge without a PaymentIntent has the one of its last attempt, if the answer did not name it.
// A PaymentIntent without a recorded attempt was lost with the database: then only a cancellation
// by the merchant counts.
func isCurrent(c billing.Charge, attempts []billing.Attempt, pi billing.PaymentIntent) bool {
	if c.PaymentIntent != "" {
		return c.PaymentIntent == pi.ID
	}
	for i, a := range attempts {
		if a.PaymentIntent == pi.ID || a.PaymentIntent == "" && collect.AttemptUses(a, pi) {
			return i == len(attempts)-1 && a.FinishedAt.IsZero() || a.PaymentIntent == "" && a.Outcome == billing.OutcomeDeclined
		}
	}
	return !pi.CanceledByStripe()
}

// paymentDeclined records a decline that occurred while the customer was paying. A decline of an
// attempt by Tranche is recorded by the task that made the attempt: only that task knows which
// attempt the answer belongs to.
func (h *Handler) paymentDeclined(ctx context.Context, charge billing.Charge, pi billing.PaymentIntent) error {
	if pi.LastError == nil {
		return nil
	}
	return h.Do(ctx, charge.PlanID, func(t *planwork.Tx) error {
		c, err := t.Charge(charge.ID)
		if err != nil || c.Status.Settled() && !c.Void() {
			return err
		}
		if c.PaymentIntent == "" { // the decline's answer did not name the PaymentIntent
			t.NoteIntent(c, pi.ID)
		}
		if c.Status.Ended() {
			return nil
		}
		fresh, err := collect.RecordDecline(ctx, t, c, pi)
		if err != nil || !fresh {
			return err
		}
		c.DeclineCode = pi.LastError.Cause()
		t.Touch(c)
		t.AuditBy(c, billing.ActorCustomer, "charge.declined",
			fmt.Sprintf("charge %d of %s: the customer's payment was declined (%s)", c.Sequence,
				money.FormatAmount(c.Amount, c.Currency), pi.LastError.Cause()), "the customer may try again")
		return nil
	})
}
