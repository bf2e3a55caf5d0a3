package jobs

import (
	"context"
	"errors"
	"time"

	"tranche/internal/billing"
)

// codeAbandoned stands at an attempt of a customer's that was begun on the recovery page and never
// came to a PaymentIntent.
const codeAbandoned = "abandoned"

// leaveToCustomer puts a due charge off while the recovery page makes the PaymentIntent that the
// customer is to confirm: a second one made now could be paid as well. After a lease nobody is at
// it any more. The PaymentIntent may exist by then; it was not confirmed, its secret was given to
// nobody, and by closing the attempt it stays so (see recovery.Desk), so the worker makes its own.
func (t *planTx) leaveToCustomer(ctx context.Context, c *billing.Charge, a billing.Attempt) error {
	if until := a.SentAt.Add(t.worker.Clock.Simulated(t.worker.Lease)); t.now.Before(until) && !t.inFuture(a.SentAt) {
		c.Reason, c.WakeAt = "the customer is about to pay it", until
		t.touch(c)
		return nil
	}
	a.Outcome, a.FinishedAt = billing.OutcomeCanceled, t.now
	a.Failure = billing.Failure{Code: codeAbandoned, Message: "the customer's payment was begun and got no further"}
	if err := t.UpdateAttempt(ctx, a); err != nil {
		return err
	}
	c.WakeAt = t.now // the next look begins an attempt of ours
	t.touch(c)
	return nil
}

// payingTime is how long a customer may take to confirm several payments, one after another, each
// at the bank.
const payingTime = 10 * time.Minute

// leftToCustomer returns until when a charge is left to the customer: the recovery page handed out
// its client secret with that of a payment that has just succeeded. It is zero where the customer
// has made no payment, or was handed out no secret.
func (t *planTx) leftToCustomer(ctx context.Context, c *billing.Charge) (time.Time, error) {
	if !t.customerPaid {
		return time.Time{}, nil
	}
	opened, err := t.LastCardTry(ctx, billing.CardTryFilter{Kind: billing.CardTryPayment, Charge: c.ID})
	if errors.Is(err, billing.ErrNotFound) {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, err
	}
	return opened.At.Add(t.worker.Clock.Simulated(payingTime)), nil
}

// bindConsent keeps what the customer agreed to with the card that was saved by it.
func (t *planTx) bindConsent(ctx context.Context, paymentMethod, intent string, charge billing.ChargeID) error {
	return bindConsent(ctx, t.Tx, paymentMethod, intent, charge)
}

func bindConsent(ctx context.Context, tx billing.Tx, paymentMethod, intent string, charge billing.ChargeID) error {
	card, err := tx.CardByPaymentMethod(ctx, paymentMethod)
	if errors.Is(err, billing.ErrNotFound) { // it could not be saved
		return nil
	}
	if err != nil {
		return err
	}
	return tx.BindConsent(ctx, intent, charge, card.ID)
}
