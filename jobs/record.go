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

// processingWait is the real time after which a payment that is being processed is looked at, in case its webhook is lost.
const processingWait = time.Hour

// canceledByStripe is the cancellation reason Stripe gives itself, such as after too many confirmations. A merchant who
// cancels in the dashboard gives another or none.
const canceledByStripe = "automatic"

// record writes what became of an attempt. A server that gives one charge's id to two of ours must not keep the outcome
// from being recorded: it is then recorded without the id.
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

// recordOnce writes attempt, charge, plan, notice and audit entry in one transaction. When an event or another worker
// was faster it changes nothing.
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
		if r.outcome == billing.OutcomeUnknown {
			return t.stillUnknown(c, a, r.err)
		}
		r = seenBefore(sent, r, attempts)
		if err := t.finish(ctx, c, &a, r); err != nil {
			return err
		}
		if c.Status.Ended() && r.outcome != billing.OutcomeSucceeded {
			return nil // paid or stopped meanwhile: a failure changes nothing
		}
		if before := sent.attempt.Number - 2; before >= 0 && attempts[before].Failure.Code == r.failure.Code {
			r.again = false // the new attempt met the same
		}
		return t.apply(ctx, c, a, r)
	})
}

// tookMoneyAfterAll says whether an attempt that was closed otherwise meanwhile did take the money, and nobody knows: money
// is money, whatever was thought of the attempt.
func (w *Worker) tookMoneyAfterAll(a billing.Attempt, c billing.Charge, r result) bool {
	if r.outcome != billing.OutcomeSucceeded || c.Status.Settled() {
		return false
	}
	w.Log.Error().Str("charge", string(c.ID)).Str("attempt", string(a.ID)).Str("outcome", string(a.Outcome)).
		Msg("an attempt that was closed otherwise took the money")
	return true
}

// seenBefore tells a decline of this attempt from one that was there before it: a PaymentIntent that is looked up still
// shows the failure of the attempt before when the confirmation never arrived.
func seenBefore(sent call, r result, attempts []billing.Attempt) result {
	if !sent.lookUp || r.outcome != billing.OutcomeDeclined || r.stripeCharge == "" {
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
		if c.PaymentIntent == "" {
			c.PaymentIntent = r.pi.ID
			t.touch(c)
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

// stripeChargeTaken says whether another attempt at the same charge already stands for this Stripe charge: a
// PaymentIntent that could not be confirmed again still names the charge of the attempt before.
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
	switch r.outcome {
	case billing.OutcomeSucceeded:
		if r.pi.Amount != c.Amount || r.pi.Currency != c.Currency {
			return t.otherAmount(c, r.pi)
		}
		if err := t.keepBackup(ctx, a.Params.PaymentMethod); err != nil {
			return err
		}
		return t.succeed(ctx, c, billing.ActorTranche, fmt.Sprintf("attempt %d succeeded", a.Number))
	case billing.OutcomeProcessing:
		c.Reason, c.WakeAt = "Stripe is processing the payment", t.now.Add(t.worker.Clock.Simulated(processingWait))
		t.touch(c)
		return nil
	case billing.OutcomeRequiresAction:
		f := billing.Failure{Code: codeAuthenticate}
		return t.failed(ctx, c, trouble{
			what: dunning.WhatDeclined, failure: f, attempt: a, cause: f.Code, step: strconv.Itoa(a.Number),
		})
	case billing.OutcomeCanceled:
		return t.intentCanceled(ctx, c, r.pi)
	}
	if t.plan.Status == billing.PlanCanceled {
		return t.stop(c)
	}
	if r.again {
		return t.move(c, billing.ChargeRetrying, r.failure.Message, t.now)
	}
	return t.failed(ctx, c, troubleOf(a, r))
}

// otherAmount keeps a payment of another amount from counting as this charge: somebody changed the PaymentIntent at Stripe.
// An operator must look; nothing more is charged.
func (t *planTx) otherAmount(c *billing.Charge, pi billing.PaymentIntent) error {
	reason := fmt.Sprintf("%s took %s and not %s; it was changed at Stripe", pi.ID,
		billing.FormatAmount(pi.Amount, pi.Currency), billing.FormatAmount(c.Amount, c.Currency))
	t.worker.Log.Error().Str("charge", string(c.ID)).Str("payment_intent", pi.ID).Msg("paid amount differs from the charge")
	t.audit(c, billing.ActorStripe, "charge.amount_differs", fmt.Sprintf("charge %d: %s", c.Sequence, reason), "an operator must look")
	return t.move(c, billing.ChargeFailed, reason, time.Time{})
}

// codeAuthenticate is Stripe's code for a bank that wants the customer to authenticate.
const codeAuthenticate = "authentication_required"

// troubleOf says how an attempt failed: its card was refused, or is gone, or the request itself was refused.
func troubleOf(a billing.Attempt, r result) trouble {
	tr := trouble{what: dunning.WhatDeclined, failure: r.failure, attempt: a, cause: r.failure.Cause(), step: strconv.Itoa(a.Number)}
	switch {
	case r.cardGone:
		tr.what = dunning.WhatNoCard
		tr.detail = "the saved card is no longer attached to the customer at Stripe, which refused it: " + r.failure.Message
	case r.refused:
		// The merchant is to mend it, and the code alone rarely tells what.
		tr.what, tr.detail = dunning.WhatRefused, r.failure.Message
	}
	return tr
}

// failedAttempts counts the merchant's attempts that failed in one way.
func failedAttempts(attempts []billing.Attempt, how billing.Outcome) int {
	n := 0
	for _, a := range attempts {
		if a.Initiator == billing.InitiatorMerchant && a.Outcome == how {
			n++
		}
	}
	return n
}

// intentCanceled follows a PaymentIntent that is seen canceled. One that Stripe canceled itself is replaced: the charge
// is still owed. One that somebody canceled is taken as the merchant's word that it is not.
func (t *planTx) intentCanceled(ctx context.Context, c *billing.Charge, pi billing.PaymentIntent) error {
	ours, err := t.isOurs(ctx, c, pi)
	switch {
	case err != nil:
		return err
	case ours && c.PaymentIntent == pi.ID:
		return t.replaced(c)
	case ours: // news of one that was replaced
		return nil
	}
	if pi.CancellationReason == canceledByStripe {
		c.PaymentIntent = ""
		t.audit(c, billing.ActorStripe, "charge.payment_intent_replaced", "Stripe canceled "+pi.ID+" itself; a new one will be made", "")
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
	t.audit(c, billing.ActorMerchant, "charge.canceled", fmt.Sprintf("charge %d: %s", c.Sequence, reason), "")
	return t.move(c, billing.ChargeCanceled, reason, time.Time{})
}
