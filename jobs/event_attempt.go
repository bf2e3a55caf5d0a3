package jobs

import (
	"context"

	"tranche/internal/billing"
)

// closeByEvent writes the outcome that an event told of into the attempt it belongs to, and says who made it: the open
// or waiting one, else one the customer made without us.
func (t *planTx) closeByEvent(ctx context.Context, c *billing.Charge, pi billing.PaymentIntent, outcome billing.Outcome) (billing.Actor, error) {
	attempts, err := t.Attempts(ctx, c.ID)
	if err != nil {
		return "", err
	}
	if known(attempts, pi.LatestCharge, outcome) {
		return billing.ActorTranche, nil
	}
	if n := len(attempts); n > 0 {
		if a := attempts[n-1]; belongs(a, pi) && (a.Outcome.Open() || a.Outcome == billing.OutcomeAwaitingCustomer) {
			a.Outcome, a.PaymentIntent, a.StripeCharge, a.FinishedAt = outcome, pi.ID, pi.LatestCharge, t.now
			return actorOf(a), t.UpdateAttempt(ctx, a)
		}
	}
	if a := nameless(attempts, pi, outcome); a != nil {
		a.StripeCharge = pi.LatestCharge
		return actorOf(*a), t.UpdateAttempt(ctx, *a)
	}
	if outcome == billing.OutcomeCanceled {
		return billing.ActorMerchant, nil // canceling is not a try at the charge
	}
	return billing.ActorCustomer, t.insertCustomerAttempt(ctx, c, pi, outcome, billing.Failure{}, len(attempts)+1)
}

// noteDecline writes a decline that an event told of, and says whether it was news.
func (t *planTx) noteDecline(ctx context.Context, c *billing.Charge, pi billing.PaymentIntent) (bool, error) {
	attempts, err := t.Attempts(ctx, c.ID)
	if err != nil || known(attempts, pi.LatestCharge, billing.OutcomeDeclined) {
		return false, err
	}
	n := len(attempts)
	if n == 0 || attempts[n-1].Outcome.Open() {
		return false, nil
	}
	last := attempts[n-1]
	switch {
	case last.Outcome == billing.OutcomeAwaitingCustomer:
		last.Outcome, last.Failure, last.StripeCharge, last.FinishedAt = billing.OutcomeDeclined, *pi.LastError, pi.LatestCharge, t.now
		return true, t.UpdateAttempt(ctx, last)
	case pi.LatestCharge == "":
		return false, nil // nothing to tell this decline from one that was noted
	case last.StripeCharge == "" && last.Initiator == billing.InitiatorMerchant && last.Outcome == billing.OutcomeDeclined:
		last.StripeCharge = pi.LatestCharge // our own attempt: the answer did not name the charge
		return false, t.UpdateAttempt(ctx, last)
	}
	return true, t.insertCustomerAttempt(ctx, c, pi, billing.OutcomeDeclined, *pi.LastError, n+1)
}

// known says whether an attempt already stands for the Stripe charge, or, where Stripe named none, has the outcome.
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

func (t *planTx) insertCustomerAttempt(ctx context.Context, c *billing.Charge, pi billing.PaymentIntent, outcome billing.Outcome, f billing.Failure, number int) error {
	c.AttemptCount = number
	t.touch(c)
	return t.InsertAttempt(ctx, billing.Attempt{
		ID: billing.NewAttemptID(t.now), ChargeID: c.ID, Number: number, Initiator: billing.InitiatorCustomer,
		Outcome: outcome, Failure: f, PaymentIntent: pi.ID, StripeCharge: pi.LatestCharge, CreatedAt: t.now, FinishedAt: t.now,
	})
}

// nameless finds the attempt that has the outcome already and lacks the name of its Stripe charge.
func nameless(attempts []billing.Attempt, pi billing.PaymentIntent, outcome billing.Outcome) *billing.Attempt {
	for i, a := range attempts {
		if a.Outcome == outcome && a.PaymentIntent == pi.ID && a.StripeCharge == "" {
			return &attempts[i]
		}
	}
	return nil
}

// belongs says whether an attempt was made with this PaymentIntent. Late news of one that was replaced must not end the
// attempt that makes the new one.
func belongs(a billing.Attempt, pi billing.PaymentIntent) bool {
	if a.PaymentIntent != "" {
		return a.PaymentIntent == pi.ID
	}
	return pi.Metadata[billing.MetaAttempt] == string(a.ID)
}

func actorOf(a billing.Attempt) billing.Actor {
	if a.Initiator == billing.InitiatorCustomer {
		return billing.ActorCustomer
	}
	return billing.ActorTranche
}
