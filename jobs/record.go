package jobs

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"tranche/internal/billing"
	"tranche/internal/dunning"
)

// processingWait is the real time after which a payment that is being processed is looked at, in
// case its webhook is lost.
const processingWait = time.Hour

// record writes what became of an attempt. A server that gives one charge's id to two of ours must
// not keep the outcome from being recorded: it is then recorded without the id.
func (w *Worker) record(ctx context.Context, sent call, r result) error {
	err := w.recordOnce(ctx, sent, r)
	if errors.Is(err, billing.ErrExists) && r.stripeCharge != "" {
		r.stripeCharge = ""
		err = w.recordOnce(ctx, sent, r)
	}
	if err == nil && w.Recorded != nil {
		w.Recorded(r.outcome)
	}
	return err
}

// recordOnce writes attempt, charge, plan, notice and audit entry in one transaction. When an event
// or another worker was faster it changes nothing.
func (w *Worker) recordOnce(ctx context.Context, sent call, r result) error {
	return w.inPlan(ctx, sent.planID, func(t *planTx) error {
		c, err := t.charge(sent.attempt.ChargeID)
		if err != nil {
			return err
		}
		attempts, err := t.Attempts(ctx, c.ID)
		if err != nil {
			return err
		}
		a := attempts[sent.attempt.Number-1]
		if !a.Outcome.Open() && !w.tookMoneyAfterAll(a, *c, r) {
			return nil
		}
		if r.elsewhere {
			if err := t.noteElsewhere(ctx, c, a); err != nil {
				return err
			}
		}
		if r.outcome == billing.OutcomeUnknown {
			return t.stillUnknown(c, a, r.err)
		}
		return t.recordOutcome(ctx, c, attempts, a, seenBefore(sent, r, attempts))
	})
}

// recordOutcome closes one of the charge's attempts with its known outcome, and moves the charge.
func (t *planTx) recordOutcome(ctx context.Context, c *billing.Charge, attempts []billing.Attempt, a billing.Attempt, r result) error {
	if err := t.finish(ctx, c, &a, r); err != nil {
		return err
	}
	if err := t.reachedAccount(ctx, c, a); err != nil {
		return err
	}
	if c.Status.Ended() && r.outcome != billing.OutcomeSucceeded {
		return nil // paid or stopped meanwhile: a failure changes nothing
	}
	if before := a.Number - 2; before >= 0 && r.failure.Code != codeLostAttempt && attempts[before].Failure.Code == r.failure.Code {
		r.again = false // the new attempt met the same
	}
	return t.apply(ctx, c, a, r)
}

// tookMoneyAfterAll says whether an attempt that was closed otherwise meanwhile did take the money,
// and nobody knows: money is money, whatever was thought of the attempt.
func (w *Worker) tookMoneyAfterAll(a billing.Attempt, c billing.Charge, r result) bool {
	if r.outcome != billing.OutcomeSucceeded || c.Status.Settled() {
		return false
	}
	w.Log.Error().Str("charge", string(c.ID)).Str("attempt", string(a.ID)).Str("outcome", string(a.Outcome)).
		Msg("an attempt that was closed otherwise took the money")
	return true
}

// seenBefore replaces a decline that belongs to an earlier attempt: a PaymentIntent that is looked
// up still shows the earlier failure when the new confirmation never arrived.
func seenBefore(sent call, r result, attempts []billing.Attempt) result {
	if !r.lookedUp || r.outcome != billing.OutcomeDeclined || r.stripeCharge == "" {
		return r
	}
	for _, other := range attempts {
		if other.ID != sent.attempt.ID && other.StripeCharge == r.stripeCharge {
			return noCharge(r.pi, codeNeverArrived, "the request never reached Stripe")
		}
	}
	return r
}

// stillUnknown leaves the attempt open and the charge where it is, to be taken up again soon.
func (t *planTx) stillUnknown(c *billing.Charge, a billing.Attempt, cause error) error {
	if c.Status.Ended() {
		return nil
	}
	c.Reason = fmt.Sprintf("attempt %d has no known outcome yet: %v", a.Number, cause)
	c.WakeAt = t.worker.backoff(a.SendCount)
	t.touch(c)
	t.worker.Log.Warn().Str("charge", string(c.ID)).Str("attempt", string(a.ID)).AnErr("cause", cause).
		Msg("outcome unknown; the same request will be sent again under the same key")
	return nil
}

// finish closes the attempt's row.
func (t *planTx) finish(ctx context.Context, c *billing.Charge, a *billing.Attempt, r result) error {
	a.Outcome, a.Failure, a.RequestID = r.outcome, r.failure, r.requestID
	if r.outcome != billing.OutcomeProcessing {
		a.FinishedAt = t.now
	}
	if r.pi.ID != "" {
		a.PaymentIntent = r.pi.ID
		switch c.PaymentIntent {
		case "":
			t.noteIntent(c, r.pi.ID)
		case r.replaces:
			t.takeReplacement(c, billing.PaymentIntent{ID: r.replaces}, r.pi)
		}
	}
	taken, err := t.stripeChargeTaken(ctx, *a, r.stripeCharge)
	if err != nil {
		return err
	}
	if !taken {
		a.StripeCharge = r.stripeCharge
	}
	return t.UpdateAttempt(ctx, *a)
}

// stripeChargeTaken says whether another attempt at the same charge already stands for this Stripe
// charge: a PaymentIntent that could not be confirmed again still names the charge of the attempt
// before.
func (t *planTx) stripeChargeTaken(ctx context.Context, a billing.Attempt, stripeCharge string) (bool, error) {
	attempts, err := t.Attempts(ctx, a.ChargeID)
	if err != nil {
		return false, err
	}
	for _, other := range attempts {
		if other.ID != a.ID && other.StripeCharge == stripeCharge {
			return true, nil
		}
	}
	return false, nil
}

// apply moves the charge according to the outcome.
func (t *planTx) apply(ctx context.Context, c *billing.Charge, a billing.Attempt, r result) error {
	if t.plan.Status == billing.PlanCanceled && r.failed() {
		return t.stop(c) // nothing is chased, and the customer is asked for nothing
	}
	switch r.outcome {
	case billing.OutcomeSucceeded:
		if !sameAmount(*c, r.pi) {
			return t.otherAmount(c, r.pi)
		}
		if err := t.keepBackup(ctx, c, a.Params.PaymentMethod); err != nil {
			return err
		}
		return t.succeed(ctx, c, "", fmt.Sprintf("attempt %d succeeded", a.Number))
	case billing.OutcomeProcessing:
		c.Reason, c.WakeAt = "Stripe is processing the payment", t.now.Add(t.worker.Clock.Simulated(processingWait))
		t.touch(c)
		return nil
	case billing.OutcomeRequiresAction:
		f := billing.Failure{Code: codeAuthenticate}
		return t.failed(ctx, c, trouble{
			what: dunning.FailureDeclined, failure: f, attempt: a, cause: f.Code, step: strconv.Itoa(a.Number),
		})
	case billing.OutcomeCanceled:
		return t.intentCanceled(ctx, c, r.pi)
	}
	if r.again {
		return t.move(c, billing.ChargeRetrying, r.failure.Message, t.now)
	}
	return t.failed(ctx, c, troubleOf(a, r))
}

// otherAmount keeps a payment of another amount from counting as this charge: the PaymentIntent was
// changed at Stripe. An operator must look; nothing more is charged. A charge that has ended keeps
// its status.
func (t *planTx) otherAmount(c *billing.Charge, pi billing.PaymentIntent) error {
	reason := fmt.Sprintf("%s took %s and not %s; it was changed at Stripe", pi.ID,
		billing.FormatAmount(pi.Amount, pi.Currency), billing.FormatAmount(c.Amount, c.Currency))
	if c.Reason == reason {
		return nil // it was reported before
	}
	t.worker.Log.Error().Str("charge", string(c.ID)).Str("payment_intent", pi.ID).Msg("paid amount differs from the charge")
	t.auditBy(c, billing.ActorStripe, "charge.amount_differs", fmt.Sprintf("charge %d: %s", c.Sequence, reason), "an operator must look")
	if c.Status.Ended() {
		t.rest(c)
		c.Reason = reason
		return nil
	}
	return t.move(c, billing.ChargeFailed, reason, time.Time{})
}

// sameAmount reports whether a PaymentIntent is for what the charge is for.
func sameAmount(c billing.Charge, pi billing.PaymentIntent) bool {
	return pi.Amount == c.Amount && pi.Currency == c.Currency
}

// codeAuthenticate is Stripe's code for a bank that wants the customer to authenticate.
const codeAuthenticate = "authentication_required"

// troubleOf says how an attempt failed: its card was refused, or is gone, or the request itself was
// refused.
func troubleOf(a billing.Attempt, r result) trouble {
	tr := trouble{what: dunning.FailureDeclined, failure: r.failure, attempt: a, cause: r.failure.Cause(), step: strconv.Itoa(a.Number)}
	switch {
	case r.cardGone:
		tr.what = dunning.FailureNoCard
		tr.detail = "the saved card is no longer attached to the customer at Stripe, which refused it: " + r.failure.Message
	case r.refused:
		// The merchant is to mend it, and the code alone rarely tells what.
		tr.what, tr.detail = dunning.FailureRejected, r.failure.Message
	}
	return tr
}

// intentCanceled follows the charge's PaymentIntent, which is seen canceled. One that we canceled,
// or Stripe itself, is replaced: the charge is still owed. A cancellation by anyone else is the
// merchant's decision that it is not. Late news of a PaymentIntent that was replaced changes
// nothing.
func (t *planTx) intentCanceled(ctx context.Context, c *billing.Charge, pi billing.PaymentIntent) error {
	if c.PaymentIntent != pi.ID {
		if c.Status == billing.ChargeCollecting { // the attempt met it and is over
			return t.move(c, billing.ChargeRetrying, "its PaymentIntent was replaced", t.now)
		}
		return nil
	}
	ours, err := t.isOurs(ctx, c, pi)
	if err != nil {
		return err
	}
	if ours {
		return t.replaced(c)
	}
	if pi.CanceledByStripe() {
		c.PaymentIntent = ""
		t.auditBy(c, billing.ActorStripe, "charge.payment_intent_replaced", "Stripe canceled "+pi.ID+" itself; a new one will be made", "")
		if c.Status == billing.ChargeCollecting {
			return t.move(c, billing.ChargeRetrying, "its PaymentIntent was canceled by Stripe", t.now)
		}
		t.touch(c)
		return nil
	}
	reason := "its PaymentIntent was canceled at Stripe"
	if pi.CancellationReason != "" {
		reason += " (" + spoken(pi.CancellationReason) + ")"
	}
	t.audit(c, "charge.canceled", fmt.Sprintf("charge %d: %s", c.Sequence, reason), "")
	if err := t.cancel(c, reason); err != nil {
		return err
	}
	t.rest(c) // the PaymentIntent is seen canceled already
	return nil
}
