package collect

import (
	"context"

	"tranche/internal/billing"
	"tranche/internal/planwork"
)

// CloseAttempt records the outcome of a PaymentIntent that an event reports. The outcome belongs to
// the open or waiting attempt, or else to a new attempt that the customer made directly at Stripe.
// It returns the actor who made the attempt: empty for this process, and for an outcome that is
// recorded already. It does not change the charge's status. Errors: billing.ErrExists if another
// attempt has the Stripe charge's id; billing.ErrUnavailable.
func CloseAttempt(ctx context.Context, t *planwork.Tx, c *billing.Charge, pi billing.PaymentIntent, outcome billing.Outcome) (billing.Actor, error) {
	attempts, err := t.Attempts(ctx, c.ID)
	if err != nil {
		return "", err
	}
	if known(attempts, pi.LatestCharge, outcome) {
		return "", nil
	}
	if n := len(attempts); n > 0 {
		if a := attempts[n-1]; AttemptUses(a, pi) && (a.Outcome.Open() || a.Outcome == billing.OutcomeAwaitingCustomer) {
			a.Outcome, a.PaymentIntent, a.StripeCharge, a.FinishedAt = outcome, pi.ID, pi.LatestCharge, t.Now
			return actorOf(a), t.UpdateAttempt(ctx, a)
		}
	}
	if a := nameless(attempts, pi, outcome); a != nil {
		a.StripeCharge = pi.LatestCharge
		return actorOf(*a), t.UpdateAttempt(ctx, *a)
	}
	if outcome == billing.OutcomeCanceled {
		return "", nil // a cancellation is no attempt at the charge
	}
	if err := closeOvertaken(ctx, t, attempts); err != nil {
		return "", err
	}
	by := initiatorOf(attempts, c, pi)
	return actorOf(billing.Attempt{Initiator: by}), insertAttemptMade(ctx, t, c, pi, outcome, billing.Failure{}, len(attempts)+1, by)
}

// codeOvertaken is the failure code of an attempt with an unknown outcome after Stripe reported
// another attempt of the charge.
const codeOvertaken = "overtaken"

// closeOvertaken closes an open attempt of the merchant's because Stripe reports another one that
// is not in the database: a restored database has lost how the open attempt ended. Only one call at
// a time is made for a charge, so the open attempt had ended before. If it took money after all,
// the event of that payment reports a second payment.
func closeOvertaken(ctx context.Context, t *planwork.Tx, attempts []billing.Attempt) error {
	n := len(attempts)
	if n == 0 || !attempts[n-1].Outcome.Open() || attempts[n-1].Initiator != billing.InitiatorMerchant {
		return nil
	}
	a := attempts[n-1]
	a.Outcome, a.FinishedAt = billing.OutcomeError, t.Now
	a.Failure = billing.Failure{Code: codeOvertaken, Message: "another attempt of the charge was reported first"}
	return t.UpdateAttempt(ctx, a)
}

// RecordDecline records the decline of a PaymentIntent with a LastError that an event reports, and
// reports whether it was new. It does not change the charge's status. Errors: CloseAttempt's.
func RecordDecline(ctx context.Context, t *planwork.Tx, c *billing.Charge, pi billing.PaymentIntent) (bool, error) {
	attempts, err := t.Attempts(ctx, c.ID)
	if err != nil || known(attempts, pi.LatestCharge, billing.OutcomeDeclined) {
		return false, err
	}
	n := len(attempts)
	if n == 0 || attempts[n-1].Outcome.Open() {
		lookUpNow(t, c, attempts, pi)
		return false, nil
	}
	last := attempts[n-1]
	switch {
	case last.Outcome == billing.OutcomeAwaitingCustomer:
		last.Outcome, last.Failure, last.StripeCharge, last.FinishedAt = billing.OutcomeDeclined, *pi.LastError, pi.LatestCharge, t.Now
		return true, t.UpdateAttempt(ctx, last)
	case pi.LatestCharge == "":
		return false, nil // this decline can't be distinguished from a recorded one
	case last.StripeCharge == "" && last.Initiator == billing.InitiatorMerchant && last.Outcome == billing.OutcomeDeclined:
		last.StripeCharge = pi.LatestCharge // an off-session attempt: its answer did not name the charge
		return false, t.UpdateAttempt(ctx, last)
	}
	return true, insertAttemptMade(ctx, t, c, pi, billing.OutcomeDeclined, *pi.LastError, n+1, billing.InitiatorCustomer)
}

// lookUpNow makes a charge due if Stripe was processing its payment and an event reports that this
// has ended. The worker then reads and records the result, as it does when the time of the look-up
// comes.
func lookUpNow(t *planwork.Tx, c *billing.Charge, attempts []billing.Attempt, pi billing.PaymentIntent) {
	n := len(attempts)
	if n == 0 || attempts[n-1].Outcome != billing.OutcomeProcessing || !AttemptUses(attempts[n-1], pi) {
		return
	}
	c.ClaimAfter = t.Now
	t.Touch(c)
}

// known reports whether an attempt is already recorded with the Stripe charge. If Stripe named no
// charge, it reports whether an attempt has already succeeded.
func known(attempts []billing.Attempt, stripeCharge string, outcome billing.Outcome) bool {
	for _, a := range attempts {
		if stripeCharge != "" && a.StripeCharge == stripeCharge && !a.Outcome.Open() {
			return true
		}
		if stripeCharge == "" && a.Outcome == outcome && outcome == billing.OutcomeSucceeded {
			return true
		}
	}
	return false
}

// insertAttemptMade writes an attempt that this database did not record: one by the customer, or an
// off-session attempt whose commit was lost.
func insertAttemptMade(
	ctx context.Context, t *planwork.Tx, c *billing.Charge, pi billing.PaymentIntent, outcome billing.Outcome, f billing.Failure, number int, by billing.Initiator,
) error {
	c.AttemptCount = number
	t.Touch(c)
	a := billing.NewAttempt(c.ID, number, by, t.Now)
	a.Outcome, a.Failure, a.PaymentIntent, a.StripeCharge, a.FinishedAt = outcome, f, pi.ID, pi.LatestCharge, t.Now
	return t.InsertAttempt(ctx, a)
}

// initiatorOf returns who made a payment that has no recorded attempt. The payment is the
// merchant's if its metadata names an attempt by Tranche that is not in the database: that attempt
// was lost.
func initiatorOf(attempts []billing.Attempt, c *billing.Charge, pi billing.PaymentIntent) billing.Initiator {
	made := billing.AttemptID(pi.Metadata[billing.MetaAttempt])
	for _, a := range attempts {
		if a.ID == made {
			return billing.InitiatorCustomer
		}
	}
	for n := 1; n <= len(attempts)+confirmLimit; n++ {
		if made == billing.AttemptIDFor(c.ID, n, billing.InitiatorMerchant) {
			return billing.InitiatorMerchant
		}
	}
	return billing.InitiatorCustomer
}

// nameless finds the attempt that has the outcome already but not the id of its Stripe charge.
func nameless(attempts []billing.Attempt, pi billing.PaymentIntent, outcome billing.Outcome) *billing.Attempt {
	for i, a := range attempts {
		if a.Outcome == outcome && a.PaymentIntent == pi.ID && a.StripeCharge == "" {
			return &attempts[i]
		}
	}
	return nil
}

// AttemptUses reports whether an attempt was made with this PaymentIntent. A late event about a
// replaced PaymentIntent must not end the attempt that creates the new one.
func AttemptUses(a billing.Attempt, pi billing.PaymentIntent) bool {
	if a.PaymentIntent != "" {
		return a.PaymentIntent == pi.ID
	}
	return pi.Metadata[billing.MetaAttempt] == string(a.ID)
}

// actorOf returns the actor of an attempt for the audit trail; it is empty for this process.
func actorOf(a billing.Attempt) billing.Actor {
	if a.Initiator == billing.InitiatorCustomer {
		return billing.ActorCustomer
	}
	return ""
}
