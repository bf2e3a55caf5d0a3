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
	again    bool  // no card was asked, and a new attempt may be made at once
	err      error // why the outcome is unknown
}

// Codes of ours, for attempts at which no card was asked and Stripe gave no code, or one that says less. They stand where
// Stripe's own code would.
const (
	codeNeverArrived = "never_arrived"
	codeNotConfirmed = "not_confirmed"
	codeSetupLeft    = "setup_future_usage_left"
	codeRefused      = "request_refused"
)

// noCharge is an attempt at which no card was asked. Once in a row it is made anew at once; after that it is taken for a
// refused request.
func noCharge(pi billing.PaymentIntent, code, message string) result {
	return result{
		outcome: billing.OutcomeError, refused: true, again: true, pi: pi, requestID: pi.RequestID,
		failure: billing.Failure{Code: code, Message: message},
	}
}

// send carries a call out and finds out what became of it.
func (w *Worker) send(ctx context.Context, c call) result {
	if c.lookUp {
		return w.lookUp(ctx, c)
	}
	if w.Clock.Now().Sub(c.attempt.SentAt) > w.Clock.Simulated(w.Lease) {
		// The process slept between the last look and the call. Somebody else has the charge by now.
		return result{outcome: billing.OutcomeUnknown, err: errors.New("it was held up for longer than its lease before it was sent")}
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
	if ge.Type == typeKeyUsed {
		return w.keyUsed(ctx, c, ge)
	}
	if ge.Kind == billing.GatewayDeclined {
		return w.declined(ctx, c, ge)
	}
	return w.refused(ctx, c, ge)
}

// typeKeyUsed is Stripe's error type for a key that was used with other parameters.
// Source: docs.stripe.com/api/idempotent_requests.
const typeKeyUsed = "idempotency_error"

// keyUsed finds out what became of a request whose key Stripe knows with other parameters, as after an upgrade that writes
// them differently. The key was used, so the request was carried out: that it can't be seen is no proof that it was not.
func (w *Worker) keyUsed(ctx context.Context, c call, ge *billing.GatewayError) result {
	r := w.lookUp(ctx, c)
	if r.again {
		return result{outcome: billing.OutcomeUnknown, err: ge}
	}
	return r
}

// fromIntent reads the outcome from a PaymentIntent's status. One that it does not know may mean money on its way: it is
// looked at again, and nothing new is sent.
func fromIntent(pi billing.PaymentIntent) result {
	r := result{pi: pi, stripeCharge: pi.LatestCharge, requestID: pi.RequestID}
	switch pi.Status {
	case billing.IntentSucceeded:
		r.outcome = billing.OutcomeSucceeded
	case billing.IntentRequiresConfirmation:
		return noCharge(pi, codeNotConfirmed, "Stripe made the PaymentIntent and did not confirm it")
	case billing.IntentRequiresAction:
		r.outcome = billing.OutcomeRequiresAction
	case billing.IntentCanceled:
		r.outcome = billing.OutcomeCanceled
	case billing.IntentRequiresPaymentMethod:
		r.outcome = billing.OutcomeDeclined
		r.failure = billing.Failure{Code: "card_declined", Message: "Stripe gave no reason"}
		if pi.LastError != nil {
			r.failure = *pi.LastError
		}
	default:
		r.outcome = billing.OutcomeProcessing
	}
	return r
}

// declined fills in what the error left out. Stripe usually sends the PaymentIntent with a decline, but does not promise
// to; without its id the retry could not use the same one. Where it can't be found, the decline's webhook may name it.
func (w *Worker) declined(ctx context.Context, c call, ge *billing.GatewayError) result {
	r := result{outcome: billing.OutcomeDeclined, failure: ge.Failure, stripeCharge: ge.StripeCharge, requestID: ge.RequestID}
	switch {
	case ge.PaymentIntent != nil:
		r.pi = *ge.PaymentIntent
	case c.attempt.Params.PaymentIntent != "":
		r.pi.ID = c.attempt.Params.PaymentIntent
	default:
		pi, err := w.findIntent(ctx, c, ge.StripeCharge)
		var failed *billing.GatewayError
		if errors.As(err, &failed) && failed.Resend() {
			// The same key gives the same answer, so nothing is lost by asking again later.
			return result{outcome: billing.OutcomeUnknown, err: err}
		}
		r.pi = pi
	}
	if r.stripeCharge == "" {
		r.stripeCharge = r.pi.LatestCharge
	}
	return r
}

// refused finds out why a request was refused: the PaymentIntent is not in the state we took it for (often the customer
// has paid it meanwhile), the card is gone, or the request or the account is wrong.
func (w *Worker) refused(ctx context.Context, c call, ge *billing.GatewayError) result {
	pi := billing.PaymentIntent{ID: c.attempt.Params.PaymentIntent}
	if pi.ID != "" {
		seen, err := w.Gateway.PaymentIntent(ctx, pi.ID)
		switch {
		case errors.Is(err, billing.ErrNotFound):
		case err != nil:
			return result{outcome: billing.OutcomeUnknown, err: fmt.Errorf("%w; then: %w", ge, err)}
		case !confirmable(seen):
			return fromIntent(seen)
		case seen.SetupFutureUsage != "" && !c.attempt.Params.ClearSetup:
			// Stripe confirms nothing off-session that is to set up its card (github.com/artsy/exchange/pull/484). The
			// recovery page asks for that with a new card, and a decline there leaves it behind. A confirmation may take it
			// away again: setup_future_usage of that call takes "" (Stripe's OpenAPI description).
			r := noCharge(pi, codeSetupLeft, ge.Failure.Message)
			r.requestID = ge.RequestID
			return r
		}
	}
	r := result{outcome: billing.OutcomeError, refused: true, failure: ge.Failure, requestID: ge.RequestID, pi: pi}
	if r.failure.Code == "" { // most of Stripe's 400s have none
		r.failure.Code = codeRefused
	}
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

// confirmable says whether the PaymentIntent still waits for a confirmation, so that its state was not the reason.
func confirmable(pi billing.PaymentIntent) bool {
	return pi.Status == billing.IntentRequiresPaymentMethod || pi.Status == billing.IntentRequiresConfirmation
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
		pi, err = w.findIntent(ctx, c, "")
	}
	if errors.Is(err, billing.ErrNotFound) && w.Clock.Now().Sub(c.sentAt) < w.Clock.Simulated(w.Lease) {
		return result{outcome: billing.OutcomeUnknown, err: errors.New("it may still be on its way")}
	}
	if errors.Is(err, billing.ErrNotFound) {
		return noCharge(billing.PaymentIntent{}, codeNeverArrived, "the request never reached Stripe")
	}
	if err != nil {
		return result{outcome: billing.OutcomeUnknown, err: err}
	}
	return fromIntent(pi)
}

// findIntent looks for the PaymentIntent of an attempt among the customer's. The attempt's id is in its metadata; a Stripe
// charge of the attempt's, where one is known, is as good.
func (w *Worker) findIntent(ctx context.Context, c call, stripeCharge string) (billing.PaymentIntent, error) {
	return w.Gateway.FindPaymentIntent(ctx, c.customer, time.Time{}, func(pi billing.PaymentIntent) bool {
		return pi.Metadata[billing.MetaAttempt] == string(c.attempt.ID) || stripeCharge != "" && pi.LatestCharge == stripeCharge
	})
}
