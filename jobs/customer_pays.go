package jobs

import (
	"context"
	"errors"
	"time"

	"tranche/internal/billing"
)

// codeAbandoned is the failure code of a customer's attempt that was begun on the recovery page and
// never got a PaymentIntent.
const codeAbandoned = "abandoned"

// leaveToCustomer defers a due charge while the recovery page creates the PaymentIntent that the
// customer will confirm: a second one that is created now could be paid as well. After a lease the
// page's request is over. The PaymentIntent may exist by then. It was not confirmed and its client
// secret was not handed out, and closing the attempt keeps it that way (see recovery.Service), so
// the worker creates its own.
func (t *planTx) leaveToCustomer(ctx context.Context, c *billing.Charge, a billing.Attempt) error {
	if until := a.SentAt.Add(t.worker.Clock.Simulated(t.worker.Lease)); t.now.Before(until) && !t.inFuture(a.SentAt) {
		c.Reason, c.ClaimAfter = "the customer is about to pay it", until
		t.touch(c)
		return nil
	}
	a.Outcome, a.FinishedAt = billing.OutcomeCanceled, t.now
	a.Failure = billing.Failure{Code: codeAbandoned, Message: "the customer began a payment and did not continue it"}
	if err := t.UpdateAttempt(ctx, a); err != nil {
		return err
	}
	c.ClaimAfter = t.now // the next claim begins an attempt by the worker
	t.touch(c)
	return nil
}

// payingTime is how long a customer may take to confirm several payments one after another, each
// with authentication at the bank.
const payingTime = 10 * time.Minute

// leftToCustomer returns the time until which a charge is left to the customer: the recovery page
// handed out its client secret together with the secret of a payment that has just succeeded. The
// time is zero if no secret was handed out.
func (t *planTx) leftToCustomer(ctx context.Context, c *billing.Charge) (time.Time, error) {
	opened, err := t.LastCardTry(ctx, billing.CardTryFilter{Kind: billing.CardTryPayment, Charge: c.ID})
	if errors.Is(err, billing.ErrNotFound) {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, err
	}
	return opened.At.Add(t.worker.Clock.Simulated(payingTime)), nil
}

// bindConsent links the customer's consent to the card that was saved with it.
func bindConsent(ctx context.Context, tx billing.Tx, paymentMethod, intent string, charge billing.ChargeID) error {
	card, err := tx.CardByPaymentMethod(ctx, paymentMethod)
	if errors.Is(err, billing.ErrNotFound) { // the card could not be saved
		return nil
	}
	if err != nil {
		return err
	}
	return tx.BindConsent(ctx, intent, charge, card.ID)
}
