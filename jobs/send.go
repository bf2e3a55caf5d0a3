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

	replaces string // the charge's PaymentIntent, when pi took its place and the database had lost that

	refused   bool  // Stripe refused the request itself; no card was asked
	cardGone  bool  // the card can't be charged any more
	again     bool  // no card was asked, and a new attempt may be made at once
	lookedUp  bool  // read from a PaymentIntent that was fetched or listed, and not from the call's answer
	elsewhere bool  // Stripe knows neither customer nor card: it is another account
	err       error // why the outcome is unknown
}

// failed reports whether the attempt is over and took no money.
func (r result) failed() bool {
	switch r.outcome {
	case billing.OutcomeDeclined, billing.OutcomeRequiresAction, billing.OutcomeError:
		return true
	}
	return false
}

// Codes of ours, for attempts at which no card was asked and Stripe gave no code, or one that says
// less. They stand where Stripe's own code would.
const (
	codeNeverArrived = "never_arrived"
	codeNotConfirmed = "not_confirmed"
	codeSetupLeft    = "setup_future_usage_left"
	codeRefused      = "request_refused"
	codeServerFailed = "stripe_failed"
)

// noCharge is an attempt at which no card was asked. Once in a row it is made anew at once; after
// that it is taken for a refused request.
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

// maxHeldUp is the real time, by a clock that cannot be set back, after which the check before a
// call no longer stands. A process that was suspended meanwhile may have missed a cancellation.
const maxHeldUp = 5 * time.Second

// errHeldUp is a request that was not sent because its check is too old.
var errHeldUp = fmt.Errorf("not sent: more than %s passed since the charge was checked", maxHeldUp)

// fresh returns a check that fails once the charge was checked too long ago.
func (w *Worker) fresh(c call) func() error {
	return func() error {
		if w.Clock.Since(c.checked) >= maxHeldUp {
			return errHeldUp
		}
		return nil
	}
}

// typeKeyUsed is Stripe's error type for a key that was used with other parameters.
// Source: docs.stripe.com/api/idempotent_requests.
const typeKeyUsed = "idempotency_error"

// keyUsed finds out what became of a request whose key Stripe knows with other parameters: from an
// attempt that was lost with the database, or before an upgrade that writes them differently. The
// key was used, so a request was carried out: that nothing can be seen of it is no proof that
// nothing happened.
func (w *Worker) keyUsed(ctx context.Context, c call, ge *billing.GatewayError) result {
	pi, err := w.usedFor(ctx, c)
	switch {
	case errors.Is(err, billing.ErrNotFound):
		return result{outcome: billing.OutcomeUnknown, err: ge}
	case err != nil:
		return result{outcome: billing.OutcomeUnknown, err: err}
	case pi.Status == billing.IntentRequiresConfirmation,
		pi.Status == billing.IntentRequiresPaymentMethod && pi.LastErrorPaymentMethod != c.attempt.Params.PaymentMethod:
		return lostAttempt(pi) // another card was asked, or none
	}
	return fromIntent(pi)
}

// usedFor returns the PaymentIntent that a used key belongs to: the one that was to be confirmed,
// else the charge's own at Stripe.
func (w *Worker) usedFor(ctx context.Context, c call) (billing.PaymentIntent, error) {
	if id := c.attempt.Params.PaymentIntent; id != "" {
		return w.Gateway.PaymentIntent(ctx, id)
	}
	return billing.FindChargeIntent(ctx, w.Gateway, []string{c.customer}, time.Time{}, c.attempt.ChargeID, "")
}

// finished finds out at once what became of a request that Stripe failed to carry out: its key only
// repeats the failure. When Stripe has nothing of the attempt, another may be made under a new key.
func (w *Worker) finished(ctx context.Context, c call, ge *billing.GatewayError) result {
	r := w.lookUp(ctx, c)
	if r.failure.Code == codeNeverArrived {
		r.failure = billing.Failure{Code: codeServerFailed, Message: "Stripe failed to carry the request out"}
		r.requestID = ge.RequestID
	}
	return r
}

// fromIntent reads the outcome from a PaymentIntent's status. One that it does not know may mean
// money on its way: it is looked at again, and nothing new is sent.
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

// declined fills in what the error left out. Stripe usually sends the PaymentIntent with a decline,
// but does not promise to; without its id the retry could not use the same one. Where it can't be
// found, the decline's webhook may name it.
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

// refused finds out why a request was refused: the PaymentIntent is not in the state we took it for
// (often the customer has paid it meanwhile), the card is gone, or the request or the account is
// wrong.
func (w *Worker) refused(ctx context.Context, c call, ge *billing.GatewayError) result {
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

// refusedByState is what a refusal comes to where the state of the attempt's PaymentIntent explains
// it, or can't be read. It returns false where the reason is another one.
func (w *Worker) refusedByState(ctx context.Context, c call, pi billing.PaymentIntent, ge *billing.GatewayError) (result, bool) {
	seen, err := w.Gateway.PaymentIntent(ctx, pi.ID)
	switch {
	case errors.Is(err, billing.ErrNotFound):
		return result{}, false
	case err != nil:
		return unknownAfter(ge, err), true
	case !confirmable(seen):
		return fromIntent(seen), true
	case seen.SetupFutureUsage != "" && !c.attempt.Params.ClearSetup:
		// Stripe confirms nothing off-session that is to set up its card
		// (github.com/artsy/exchange/pull/484). The recovery page asks for that with a new card,
		// and a decline there leaves it behind. A confirmation may take it away again:
		// setup_future_usage of that call takes "" (Stripe's OpenAPI description).
		r := noCharge(pi, codeSetupLeft, ge.Failure.Message)
		r.requestID = ge.RequestID
		return r, true
	}
	return result{}, false
}

// unknownAfter leaves the outcome open where the reason of a refusal can't be found out.
func unknownAfter(ge *billing.GatewayError, err error) result {
	return result{outcome: billing.OutcomeUnknown, err: fmt.Errorf("%w; then: %w", ge, err)}
}

// confirmable says whether the PaymentIntent still waits for a confirmation, so that its state was
// not the reason.
func confirmable(pi billing.PaymentIntent) bool {
	return pi.Status == billing.IntentRequiresPaymentMethod || pi.Status == billing.IntentRequiresConfirmation
}

// lookUp finds out what became of an attempt that must not be sent again, because Stripe may have
// forgotten its key. A PaymentIntent that is not there was never made: nothing happened, and a new
// attempt is safe.
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
		return w.neverArrived(ctx, c)
	}
	if err != nil {
		return result{outcome: billing.OutcomeUnknown, err: err}
	}
	r := fromIntent(pi)
	if untouched(pi) {
		r = noCharge(pi, codeNotConfirmed, "Stripe has the PaymentIntent, and no card was asked")
	}
	r.lookedUp = true
	return r
}

// untouched reports whether a PaymentIntent was never confirmed: it shows neither a charge nor a
// failure.
func untouched(pi billing.PaymentIntent) bool {
	return pi.Status == billing.IntentRequiresPaymentMethod && pi.LastError == nil && pi.LatestCharge == ""
}

// neverArrived is an attempt of which Stripe has nothing, if it is the account that would have it.
func (w *Worker) neverArrived(ctx context.Context, c call) result {
	other, err := w.elsewhere(ctx, c)
	switch {
	case err != nil:
		return result{outcome: billing.OutcomeUnknown, err: err}
	case other:
		return w.ofAnotherAccount()
	}
	return noCharge(billing.PaymentIntent{}, codeNeverArrived, "the request never reached Stripe")
}

// findIntent looks for the PaymentIntent of an attempt among the customer's. The attempt's id is in
// its metadata; a Stripe charge of the attempt's, where one is known, is as good.
func (w *Worker) findIntent(ctx context.Context, c call, stripeCharge string) (billing.PaymentIntent, error) {
	return w.Gateway.FindPaymentIntent(ctx, c.customer, time.Time{}, func(pi billing.PaymentIntent) bool {
		return pi.Metadata[billing.MetaAttempt] == string(c.attempt.ID) || stripeCharge != "" && pi.LatestCharge == stripeCharge
	})
}
