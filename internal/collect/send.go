package collect

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tranche/internal/billing"
	"tranche/internal/clock"
)

// tried is an attempt at a charge that was committed and whose outcome is not known yet.
type tried struct {
	planID   billing.PlanID
	attempt  billing.Attempt
	customer string    // the Stripe customer whose card is charged
	sentAt   time.Time // when the attempt was last sent before; zero if it was not
}

// sendAttempt sends an attempt: it confirms the charge's PaymentIntent, or creates it.
type sendAttempt struct {
	tried
	checked clock.Instant // when the charge was checked under the plan's lock
}

func (s sendAttempt) run(ctx context.Context, co *Collector) error {
	if co.Note != nil {
		co.Note(ctx, s.attempt.ID)
	}
	result := co.followReplacement(ctx, s.tried, co.send(ctx, s))
	// Stripe was called, so its answer is recorded even if the task is being canceled meanwhile.
	return co.record(context.WithoutCancel(ctx), s.tried, result)
}

// send sends an attempt and determines its outcome.
func (co *Collector) send(ctx context.Context, s sendAttempt) result {
	c, fresh := s.tried, co.fresh(s.checked)
	if err := fresh(); err != nil {
		return result{outcome: billing.OutcomeUnknown, err: err}
	}
	ctx = billing.BeforeSending(ctx, fresh)
	do := co.Gateway.CreatePaymentIntent
	if c.attempt.Params.PaymentIntent != "" {
		do = co.Gateway.ConfirmPaymentIntent
	}
	pi, err := do(ctx, c.attempt.IdempotencyKey, c.attempt.Params)
	if err == nil {
		return fromIntent(pi)
	}
	var ge *billing.GatewayError
	if errors.As(err, &ge) && ge.Finished() {
		return co.finished(ctx, c, ge)
	}
	if !errors.As(err, &ge) || ge.Resend() {
		return result{outcome: billing.OutcomeUnknown, err: err}
	}
	if ge.Type == typeKeyUsed {
		return co.keyUsed(ctx, c, ge)
	}
	if ge.Kind == billing.GatewayDeclined {
		return co.declined(ctx, c, ge)
	}
	return co.refused(ctx, c, ge)
}

// maxHeldUp is the real time after which the check before a call is too old. It is measured by a
// clock that cannot be set back. A process that was suspended meanwhile may have missed a
// cancellation.
const maxHeldUp = 5 * time.Second

// errHeldUp is the error of a request that was not sent because its check is too old.
var errHeldUp = fmt.Errorf("not sent: more than %s passed since the charge was checked", maxHeldUp)

// fresh returns a check that fails if the charge was checked too long ago.
func (co *Collector) fresh(checked clock.Instant) func() error {
	return func() error {
		if co.Clock.Since(checked) >= maxHeldUp {
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
func (co *Collector) keyUsed(ctx context.Context, c tried, ge *billing.GatewayError) result {
	pi, err := co.usedFor(ctx, c)
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
func (co *Collector) usedFor(ctx context.Context, c tried) (billing.PaymentIntent, error) {
	if id := c.attempt.Params.PaymentIntent; id != "" {
		return co.Gateway.PaymentIntent(ctx, id)
	}
	return billing.FindChargeIntent(ctx, co.Gateway, []string{c.customer}, time.Time{}, c.attempt.ChargeID, "")
}

// finished determines the outcome of a request that Stripe failed to carry out. Its key would only
// repeat the failure. If Stripe has nothing of the attempt, another may be made under a new key.
func (co *Collector) finished(ctx context.Context, c tried, ge *billing.GatewayError) result {
	r := co.lookUp(ctx, c)
	if r.failure.Code == codeNeverArrived {
		r.failure = billing.Failure{Code: codeServerFailed, Message: "Stripe failed to carry the request out"}
		r.requestID = ge.RequestID
	}
	return r
}

// declined adds the PaymentIntent if the error did not contain it. Stripe usually sends the
// PaymentIntent with a decline, but does not promise to. Without its id the retry could not confirm
// the same one. If it can't be found, the decline's webhook may name it.
func (co *Collector) declined(ctx context.Context, c tried, ge *billing.GatewayError) result {
	r := result{outcome: billing.OutcomeDeclined, failure: ge.Failure, stripeCharge: ge.StripeCharge, requestID: ge.RequestID}
	switch {
	case ge.PaymentIntent != nil:
		r.pi = *ge.PaymentIntent
	case c.attempt.Params.PaymentIntent != "":
		r.pi.ID = c.attempt.Params.PaymentIntent
	default:
		pi, err := co.intentOf(ctx, c, ge.StripeCharge)
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
func (co *Collector) refused(ctx context.Context, c tried, ge *billing.GatewayError) result {
	pi := billing.PaymentIntent{ID: c.attempt.Params.PaymentIntent}
	if pi.ID != "" {
		if r, explained := co.refusedByState(ctx, c, pi, ge); explained {
			return r
		}
	}
	r := result{outcome: billing.OutcomeError, refused: true, failure: ge.Failure, requestID: ge.RequestID, pi: pi}
	if r.failure.Code == "" { // most of Stripe's 400s have none
		r.failure.Code = codeRefused
	}
	pm, err := co.Gateway.PaymentMethod(ctx, c.attempt.Params.PaymentMethod)
	switch {
	case errors.Is(err, billing.ErrNotFound):
		other, err := co.elsewhere(ctx, c)
		if err != nil {
			return unknownAfter(ge, err)
		}
		if other {
			return co.ofAnotherAccount()
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
func (co *Collector) refusedByState(ctx context.Context, c tried, pi billing.PaymentIntent, ge *billing.GatewayError) (result, bool) {
	seen, err := co.Gateway.PaymentIntent(ctx, pi.ID)
	switch {
	case errors.Is(err, billing.ErrNotFound):
		return result{}, false
	case err != nil:
		return unknownAfter(ge, err), true
	case !confirmable(seen):
		return fromIntent(seen), true
	case seen.SetupFutureUsage != "" && !c.attempt.Params.ClearSetup:
		// Stripe does not confirm a PaymentIntent off-session that has setup_future_usage
		// (github.com/artsy/exchange/pull/484). The recovery page sets it with a new card, and it stays set
		// after a decline there. A confirmation may clear it: setup_future_usage of that call accepts ""
		// (Stripe's OpenAPI description).
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
