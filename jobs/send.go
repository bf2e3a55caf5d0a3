package jobs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tranche/internal/billing"
)

// result is what is known of an attempt after Stripe was asked.
type result struct {
	outcome      billing.Outcome
	failure      billing.Failure
	pi           billing.PaymentIntent // ID is empty where it is not known
	stripeCharge string
	requestID    string

	refused  bool  // Stripe refused the request itself; no card was asked
	cardGone bool  // the card can't be charged any more
	never    bool  // the request never reached Stripe
	err      error // why the outcome is unknown
}

// send carries a call out and finds out what became of it.
func (w *Worker) send(ctx context.Context, c call) result {
	if c.lookUp {
		return w.lookUp(ctx, c)
	}
	do := w.Gateway.CreatePaymentIntent
	if c.attempt.Params.PaymentIntent != "" {
		do = w.Gateway.ConfirmPaymentIntent
	}
	pi, err := do(ctx, c.attempt.IdempotencyKey, c.attempt.Params)
	if err == nil {
		return fromIntent(pi)
	}
	var ge *billing.GatewayError
	if !errors.As(err, &ge) || ge.Resend() {
		return result{outcome: billing.OutcomeUnknown, err: err}
	}
	switch ge.Kind {
	case billing.GatewayDeclined:
		return w.declined(ctx, c, ge)
	case billing.GatewayWrongState:
		return w.wrongState(ctx, c, ge)
	default:
		return w.refused(ctx, c, ge)
	}
}

// fromIntent reads the outcome from a PaymentIntent's status.
func fromIntent(pi billing.PaymentIntent) result {
	r := result{pi: pi, stripeCharge: pi.LatestCharge, requestID: pi.RequestID}
	switch pi.Status {
	case billing.IntentSucceeded:
		r.outcome = billing.OutcomeSucceeded
	case billing.IntentProcessing, billing.IntentRequiresCapture:
		r.outcome = billing.OutcomeProcessing
	case billing.IntentRequiresAction:
		r.outcome = billing.OutcomeRequiresAction
	case billing.IntentCanceled:
		r.outcome = billing.OutcomeCanceled
	default:
		r.outcome = billing.OutcomeDeclined
		if pi.LastError != nil {
			r.failure = *pi.LastError
		}
	}
	return r
}

// declined fills in what the error left out. Stripe usually sends the PaymentIntent with a decline, but does not promise
// to; without its id the retry could not use the same one.
func (w *Worker) declined(ctx context.Context, c call, ge *billing.GatewayError) result {
	r := result{outcome: billing.OutcomeDeclined, failure: ge.Failure, stripeCharge: ge.StripeCharge, requestID: ge.RequestID}
	switch {
	case ge.PaymentIntent != nil:
		r.pi = *ge.PaymentIntent
	case c.attempt.Params.PaymentIntent != "":
		r.pi.ID = c.attempt.Params.PaymentIntent
	default:
		pi, err := w.findIntent(ctx, c)
		if err != nil && !errors.Is(err, billing.ErrNotFound) {
			// The same key gives the same answer, so nothing is lost by asking again later.
			return result{outcome: billing.OutcomeUnknown, err: err}
		}
		r.pi = pi
	}
	return r
}

// wrongState looks at a PaymentIntent that could not be confirmed: often the customer has paid it meanwhile.
func (w *Worker) wrongState(ctx context.Context, c call, ge *billing.GatewayError) result {
	pi, err := w.Gateway.PaymentIntent(ctx, c.attempt.Params.PaymentIntent)
	if err != nil {
		return result{outcome: billing.OutcomeUnknown, err: fmt.Errorf("%w; then: %w", ge, err)}
	}
	r := fromIntent(pi)
	if r.outcome == billing.OutcomeDeclined {
		r.outcome, r.refused, r.failure = billing.OutcomeError, true, ge.Failure
	}
	return r
}

// refused tells a card that is gone from a request or an account that is wrong.
func (w *Worker) refused(ctx context.Context, c call, ge *billing.GatewayError) result {
	r := result{outcome: billing.OutcomeError, refused: true, failure: ge.Failure, requestID: ge.RequestID}
	r.pi.ID = c.attempt.Params.PaymentIntent
	pm, err := w.Gateway.PaymentMethod(ctx, c.attempt.Params.PaymentMethod)
	switch {
	case errors.Is(err, billing.ErrNotFound):
		r.cardGone = true
	case err != nil:
		return result{outcome: billing.OutcomeUnknown, err: fmt.Errorf("%w; then: %w", ge, err)}
	case pm.Customer != c.customer:
		r.cardGone = true
	}
	return r
}

// lookUp finds out what became of an attempt that must not be sent again, because Stripe may have forgotten its key. A
// PaymentIntent that is not there was never made: nothing happened, and a new attempt is safe.
func (w *Worker) lookUp(ctx context.Context, c call) result {
	id := c.attempt.PaymentIntent
	var pi billing.PaymentIntent
	var err error
	if id != "" {
		pi, err = w.Gateway.PaymentIntent(ctx, id)
	} else {
		pi, err = w.findIntent(ctx, c)
	}
	if errors.Is(err, billing.ErrNotFound) {
		return result{
			outcome: billing.OutcomeError, never: true,
			failure: billing.Failure{Code: "never_arrived", Message: "the request never reached Stripe"},
		}
	}
	if err != nil {
		return result{outcome: billing.OutcomeUnknown, err: err}
	}
	return fromIntent(pi)
}

// findIntent looks for the PaymentIntent of an attempt among the customer's. The attempt's id is in its metadata.
func (w *Worker) findIntent(ctx context.Context, c call) (billing.PaymentIntent, error) {
	return w.Gateway.FindPaymentIntent(ctx, c.customer, time.Time{}, func(pi billing.PaymentIntent) bool {
		return pi.Metadata[billing.MetaAttempt] == string(c.attempt.ID)
	})
}
