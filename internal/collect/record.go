package collect

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"tranche/internal/billing"
	"tranche/internal/cards"
	"tranche/internal/dunning"
	"tranche/internal/followup"
	"tranche/internal/planwork"
)

// processingWait is the real time after which a processing payment is checked at Stripe, in case
// its webhook is lost.
const processingWait = time.Hour

// record writes the outcome of an attempt. A server that reports one Stripe charge id for two
// attempts must not prevent the outcome from being recorded: it is then recorded without the id.
func (co *Collector) record(ctx context.Context, sent tried, r result) error {
	err := co.recordOnce(ctx, sent, r)
	if errors.Is(err, billing.ErrExists) && r.stripeCharge != "" {
		r.stripeCharge = ""
		err = co.recordOnce(ctx, sent, r)
	}
	if err == nil && co.Recorded != nil {
		co.Recorded(r.outcome)
	}
	return err
}

// recordOnce writes attempt, charge, plan, notice and audit entry in one transaction. It changes
// nothing if an event or another worker has recorded the outcome already.
func (co *Collector) recordOnce(ctx context.Context, sent tried, r result) error {
	return co.Do(ctx, sent.planID, func(t *planwork.Tx) error {
		c, err := t.Charge(sent.attempt.ChargeID)
		if err != nil {
			return err
		}
		attempts, err := t.Attempts(ctx, c.ID)
		if err != nil {
			return err
		}
		a := attempts[sent.attempt.Number-1]
		if !a.Outcome.Open() && !co.tookMoneyAfterAll(a, *c, r) {
			return nil
		}
		if r.elsewhere {
			if err := noteElsewhere(ctx, t, c, a); err != nil {
				return err
			}
		}
		if r.outcome == billing.OutcomeUnknown {
			return stillUnknown(t, c, a, r.err)
		}
		return recordOutcome(ctx, t, c, attempts, a, seenBefore(sent, r, attempts))
	})
}

// recordOutcome closes one of the charge's attempts with its known outcome, and updates the charge.
func recordOutcome(ctx context.Context, t *planwork.Tx, c *billing.Charge, attempts []billing.Attempt, a billing.Attempt, r result) error {
	if err := finish(ctx, t, c, &a, r); err != nil {
		return err
	}
	if err := reachedAccount(ctx, t, c, a); err != nil {
		return err
	}
	if c.Status.Ended() && r.outcome != billing.OutcomeSucceeded {
		return nil // paid or stopped meanwhile, so a failure changes nothing
	}
	if before := a.Number - 2; before >= 0 && r.failure.Code != codeLostAttempt && attempts[before].Failure.Code == r.failure.Code {
		r.again = false // the new attempt failed with the same code
	}
	return apply(ctx, t, c, a, r)
}

// tookMoneyAfterAll reports whether an attempt took money although it was recorded as failed
// meanwhile, and the charge is not recorded as paid. A payment always counts, even if the attempt
// was closed before.
func (co *Collector) tookMoneyAfterAll(a billing.Attempt, c billing.Charge, r result) bool {
	if r.outcome != billing.OutcomeSucceeded || c.Status.Settled() {
		return false
	}
	co.Log.Error().Str("charge", string(c.ID)).Str("attempt", string(a.ID)).Str("outcome", string(a.Outcome)).
		Msg("attempt was recorded as failed, but Stripe reports it paid")
	return true
}

// seenBefore replaces a decline that belongs to an earlier attempt. If a confirmation never reached
// Stripe, the fetched PaymentIntent still shows the earlier failure.
func seenBefore(sent tried, r result, attempts []billing.Attempt) result {
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

// stillUnknown leaves the attempt open and the charge's status as it is. The attempt is resumed
// soon.
func stillUnknown(t *planwork.Tx, c *billing.Charge, a billing.Attempt, cause error) error {
	if c.Status.Ended() {
		return nil
	}
	c.Reason = fmt.Sprintf("attempt %d has no known outcome yet: %v", a.Number, cause)
	c.ClaimAfter = t.Work.Backoff(a.SendCount)
	t.Touch(c)
	t.Work.Log.Warn().Str("charge", string(c.ID)).Str("attempt", string(a.ID)).AnErr("cause", cause).
		Msg("outcome unknown; the same request will be sent again under the same key")
	return nil
}

// finish closes the attempt and writes its row.
func finish(ctx context.Context, t *planwork.Tx, c *billing.Charge, a *billing.Attempt, r result) error {
	a.Outcome, a.Failure, a.RequestID = r.outcome, r.failure, r.requestID
	if r.outcome != billing.OutcomeProcessing {
		a.FinishedAt = t.Now
	}
	if r.pi.ID != "" {
		a.PaymentIntent = r.pi.ID
		switch c.PaymentIntent {
		case "":
			t.NoteIntent(c, r.pi.ID)
		case r.replaces:
			AdoptReplacement(t, c, billing.PaymentIntent{ID: r.replaces}, r.pi)
		}
	}
	taken, err := stripeChargeTaken(ctx, t, *a, r.stripeCharge)
	if err != nil {
		return err
	}
	if !taken {
		a.StripeCharge = r.stripeCharge
	}
	return t.UpdateAttempt(ctx, *a)
}

// stripeChargeTaken reports whether another attempt at the same charge is already recorded with
// this Stripe charge: a PaymentIntent whose new confirmation failed still names the Stripe charge
// of the previous attempt.
func stripeChargeTaken(ctx context.Context, t *planwork.Tx, a billing.Attempt, stripeCharge string) (bool, error) {
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

// apply updates the charge according to the outcome.
func apply(ctx context.Context, t *planwork.Tx, c *billing.Charge, a billing.Attempt, r result) error {
	if t.Plan.Status == billing.PlanCanceled && r.failed() {
		return t.CancelWithPlan(c) // no retry, and no request to the customer
	}
	switch r.outcome {
	case billing.OutcomeSucceeded:
		if !SameAmount(*c, r.pi) {
			return otherAmount(t, c, r.pi)
		}
		if err := cards.PromoteBackup(ctx, t, c, a.Params.PaymentMethod); err != nil {
			return err
		}
		return t.Succeed(ctx, c, "", fmt.Sprintf("attempt %d succeeded", a.Number))
	case billing.OutcomeProcessing:
		c.Reason, c.ClaimAfter = "Stripe is processing the payment", t.Now.Add(t.Work.Clock.Simulated(processingWait))
		t.Touch(c)
		return nil
	case billing.OutcomeRequiresAction:
		f := billing.Failure{Code: codeAuthenticate}
		return followup.AfterFailure(ctx, t, c, followup.Failure{
			Kind: dunning.FailureDeclined, Failure: f, Attempt: a, Cause: f.Code, Step: strconv.Itoa(a.Number),
		})
	case billing.OutcomeCanceled:
		return RecordCancellation(ctx, t, c, r.pi)
	}
	if r.again {
		return t.Move(c, billing.ChargeRetrying, r.failure.Message, t.Now)
	}
	return followup.AfterFailure(ctx, t, c, chargeFailureOf(a, r))
}

// codeAuthenticate is Stripe's code for a bank that requires the customer to authenticate.
const codeAuthenticate = "authentication_required"

// chargeFailureOf returns the failure of an attempt: the card was declined or is gone, or the
// request itself was refused.
func chargeFailureOf(a billing.Attempt, r result) followup.Failure {
	f := followup.Failure{Kind: dunning.FailureDeclined, Failure: r.failure, Attempt: a, Cause: r.failure.Cause(), Step: strconv.Itoa(a.Number)}
	switch {
	case r.cardGone:
		f.Kind = dunning.FailureNoCard
		f.Detail = "the saved card is no longer attached to the customer at Stripe, which refused it: " + r.failure.Message
	case r.refused:
		// The merchant must fix it, and the code alone rarely shows the cause.
		f.Kind, f.Detail = dunning.FailureRejected, r.failure.Message
	}
	return f
}
