package collect

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tranche/internal/billing"
)

// result is what Stripe's answer shows of an attempt.
type result struct {
	outcome      billing.Outcome
	failure      billing.Failure
	pi           billing.PaymentIntent // ID is empty if it is not known
	stripeCharge string
	requestID    string

	replaces string // the charge's PaymentIntent that pi replaced, if the database had lost the replacement

	refused   bool  // Stripe refused the request itself; no card was charged
	cardGone  bool  // the card can't be charged any more
	again     bool  // no card was charged, and a new attempt may be made at once
	lookedUp  bool  // read from a fetched or listed PaymentIntent, not from the call's answer
	elsewhere bool  // Stripe knows neither customer nor card: the key belongs to another account
	err       error // why the outcome is unknown
}

// failed reports whether the attempt ended without taking money.
func (r result) failed() bool {
	switch r.outcome {
	case billing.OutcomeDeclined, billing.OutcomeRequiresAction, billing.OutcomeError:
		return true
	}
	return false
}

// Codes of Tranche, for attempts that did not reach the card's issuer, if Stripe gave no code or a
// less specific one. They are stored where Stripe's own code would be.
const (
	codeNeverArrived = "never_arrived"
	codeNotConfirmed = "not_confirmed"
	codeSetupLeft    = "setup_future_usage_left"
	codeRefused      = "request_refused"
	codeServerFailed = "stripe_failed"
)

// noCharge is the result of an attempt that did not reach the card's issuer. After the first such
// result a new attempt follows at once. After a second in a row the request counts as refused.
func noCharge(pi billing.PaymentIntent, code, message string) result {
	return result{
		outcome: billing.OutcomeError, refused: true, again: true, pi: pi, requestID: pi.RequestID,
		failure: billing.Failure{Code: code, Message: message},
	}
}

// send makes a call and determines its outcome.
func (w *Collector) send(ctx context.Context, c call) result {
	if c.lookUp {
		return w.lookUp(ctx, c)
	}
	if err := w.fresh(c)(); err != nil {
		return result{outcome: billing.OutcomeUnknown, err: err}
	}
	ctx = billing.BeforeSending(ctx, w.fresh(c))
	do := w.Gateway.CreatePaymentIntent
	if c.attempt.Params.PaymentIntent != "" {
		do = w.Gateway.ConfirmPaymentIntent
	}
	pi, err := do(ctx, c.attempt.IdempotencyKey, c.attempt.Params)
	if err == nil {
		return fromIntent(pi)
	}
	var ge *billing.GatewayError
	if errors.As(err, &ge) && ge.Finished() {
		return w.finished(ctx, c, ge)
	}
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

// maxHeldUp is the real time after which the check before a call is too old. It is measured by a
// clock that cannot be set back. A process that was suspended meanwhile may have missed a
// cancellation.
const maxHeldUp = 5 * time.Second

// errHeldUp is the error of a request that was not sent because its check is too old.
var errHeldUp = fmt.Errorf("not sent: more than %s passed since the charge was checked", maxHeldUp)

// fresh returns a check that fails if the charge was checked too long ago.
func (w *Collector) fresh(c call) func() error {
	return func() error {
		if w.Clock.Since(c.checked) >= maxHeldUp {
			return errHeldUp
		}
		return nil
	}
}

// typeKeyUsed is Stripe's error type for a key that was already used with other parameters.
// Source: docs.stripe.com/api/idempotent_requests.
const typeKeyUsed = "idempotency_error"

// keyUsed determines the outcome of a request whose key Stripe has seen with other parameters: the
// key was used by an attempt that the database lost, or by an older version that sent other
// parameters. The key was used, so a request was carried out. If Stripe shows no trace of it, that
// does not prove that nothing happened.
func (w *Collector) keyUsed(ctx context.Context, c call, ge *billing.GatewayError) result {
	pi, err := w.usedFor(ctx, c)
	switch {
	case errors.Is(err, billing.ErrNotFound):
		return result{outcome: billing.OutcomeUnknown, err: ge}
	case err != nil:
		return result{outcome: billing.OutcomeUnknown, err: err}
	case pi.Status == billing.IntentRequiresConfirmation,
		pi.Status == billing.IntentRequiresPaymentMethod && pi.LastErrorPaymentMethod != c.attempt.Params.PaymentMethod:
		return lostAttempt(pi) // another card was charged, or none
	}
	return fromIntent(pi)
}

// usedFor returns the PaymentIntent that a used key belongs to: the one to be confirmed, or else
// the one that Stripe has for the charge.
func (w *Collector) usedFor(ctx context.Context, c call) (billing.PaymentIntent, error) {
	if id := c.attempt.Params.PaymentIntent; id != "" {
		return w.Gateway.PaymentIntent(ctx, id)
	}
	return billing.FindChargeIntent(ctx, w.Gateway, []string{c.customer}, time.Time{}, c.attempt.ChargeID, "")
}

// finished determines the outcome of a request that Stripe failed to carry out. Its key would only
// repeat the failure. If Stripe has nothing of the attempt, another may be made under a new key.
func (w *Collector) finished(ctx context.Context, c call, ge *billing.GatewayError) result {
	r := w.lookUp(ctx, c)
	if r.failure.Code == codeNeverArrived {
		r.failure = billing.Failure{Code: codeServerFailed, Message: "Stripe failed to carry the request out"}
		r.requestID = ge.RequestID
	}
	return r
}

// fromIntent reads the outcome from a PaymentIntent's status. A payment with an unknown status
// counts as processing, because money may be on its way: it is checked again, and nothing new is
// sent.
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

// declined adds the PaymentIntent if the error did not contain it. Stripe usually sends the
// PaymentIntent with a decline, but does not promise to. Without its id the retry could not confirm
// the same one. If it can't be found, the decline's webhook may name it.
func (w *Collector) declined(ctx context.Context, c call, ge *billing.GatewayError) result {
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
			// The same key gives the same answer, so the request can be sent again later.
			return result{outcome: billing.OutcomeUnknown, err: err}
		}
		r.pi = pi
	}
	if r.stripeCharge == "" {
		r.stripeCharge = r.pi.LatestCharge
	}
	return r
}

// refused determines why a request was refused: the PaymentIntent is in another state than expected
// (often because the customer has paid meanwhile), the card is gone, or the request or the account
// is wrong.
func (w *Collector) refused(ctx context.Context, c call, ge *billing.GatewayError) result {
	pi := billing.PaymentIntent{ID: c.attempt.Params.PaymentIntent}
	if pi.ID != "" {
		if r, explained := w.refusedByState(ctx, c, pi, ge); explained {
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
		other, err := w.elsewhere(ctx, c)
		if err != nil {
			return unknownAfter(ge, err)
		}
		if other {
			return w.ofAnotherAccount()
		}
		r.cardGone = true
	case err != nil:
		return unknownAfter(ge, err)
	case pm.Customer != c.customer:
		r.cardGone = true
	}
	return r
}

// refusedByState returns the result of a refused request if the state of the attempt's
// PaymentIntent explains the refusal, or can't be read. It returns false if the reason is a
// different one.
func (w *Collector) refusedByState(ctx context.Context, c call, pi billing.PaymentIntent, ge *billing.GatewayError) (result, bool) {
	seen, err := w.Gateway.PaymentIntent(ctx, pi.ID)
	switch {
	case errors.Is(err, billing.ErrNotFound):
		return result{}, false
	case err != nil:
		return unknownAfter(ge, err), true
	case !confirmable(seen):
		return fromIntent(seen), true
	case seen.SetupFutureUsage != "" && !c.attempt.Params.ClearSetup:
		// Stripe does not confirm a PaymentIntent off-session that has setup_future_usage
		// (github.com/artsy/exchange/pull/484). The recovery page sets it with a new card, and it stays
		// set after a decline there. A confirmation may clear it: setup_future_usage of that call accepts
		// "" (Stripe's OpenAPI description).
		r := noCharge(pi, codeSetupLeft, ge.Failure.Message)
		r.requestID = ge.RequestID
		return r, true
	}
	return result{}, false
}

// unknownAfter leaves the outcome open if the reason for a refusal can't be determined.
func unknownAfter(ge *billing.GatewayError, err error) result {
	return result{outcome: billing.OutcomeUnknown, err: fmt.Errorf("%w; then: %w", ge, err)}
}

// confirmable reports whether the PaymentIntent still waits for a confirmation, so that its state
// does not explain a refusal.
func confirmable(pi billing.PaymentIntent) bool {
	return pi.Status == billing.IntentRequiresPaymentMethod || pi.Status == billing.IntentRequiresConfirmation
}

// lookUp determines the outcome of an attempt that must not be sent again, because Stripe may have
// forgotten its key. If Stripe has no PaymentIntent of the attempt, none was ever created: nothing
// was charged, and a new attempt is safe.
func (w *Collector) lookUp(ctx context.Context, c call) result {
	id := c.attempt.PaymentIntent
	var pi billing.PaymentIntent
	var err error
	if id != "" {
		pi, err = w.Gateway.PaymentIntent(ctx, id)
	} else {
		pi, err = w.findIntent(ctx, c, "")
	}
	if errors.Is(err, billing.ErrNotFound) && w.Clock.Now().Sub(c.sentAt) < w.Clock.Simulated(w.Lease) {
		return result{outcome: billing.OutcomeUnknown, err: errors.New("the request may still be in flight")}
	}
	if errors.Is(err, billing.ErrNotFound) {
		return w.neverArrived(ctx, c)
	}
	if err != nil {
		return result{outcome: billing.OutcomeUnknown, err: err}
	}
	r := fromIntent(pi)
	if untouched(pi) {
		r = noCharge(pi, codeNotConfirmed, "Stripe has the PaymentIntent, but charged no card")
	}
	r.lookedUp = true
	return r
}

// untouched reports whether a PaymentIntent was never confirmed: it shows neither a charge nor a
// failure.
func untouched(pi billing.PaymentIntent) bool {
	return pi.Status == billing.IntentRequiresPaymentMethod && pi.LastError == nil && pi.LatestCharge == ""
}

// neverArrived is the result of an attempt that Stripe has no trace of, unless the key belongs to
// another account.
func (w *Collector) neverArrived(ctx context.Context, c call) result {
	other, err := w.elsewhere(ctx, c)
	switch {
	case err != nil:
		return result{outcome: billing.OutcomeUnknown, err: err}
	case other:
		return w.ofAnotherAccount()
	}
	return noCharge(billing.PaymentIntent{}, codeNeverArrived, "the request never reached Stripe")
}

// findIntent looks for the PaymentIntent of an attempt among the customer's. It matches the
// attempt's id in the metadata, or the id of the attempt's Stripe charge if that is known.
func (w *Collector) findIntent(ctx context.Context, c call, stripeCharge string) (billing.PaymentIntent, error) {
	return w.Gateway.FindPaymentIntent(ctx, c.customer, time.Time{}, func(pi billing.PaymentIntent) bool {
		return pi.Metadata[billing.MetaAttempt] == string(c.attempt.ID) || stripeCharge != "" && pi.LatestCharge == stripeCharge
	})
}
