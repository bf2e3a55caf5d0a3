package collect

import (
	"context"
	"errors"
	"time"

	"tranche/internal/billing"
)

// lookUpAttempt looks up an attempt that is too old to be sent again, or that Stripe is processing.
type lookUpAttempt struct{ tried }

func (s lookUpAttempt) run(ctx context.Context, co *Collector) error {
	result := co.followReplacement(ctx, s.tried, co.lookUp(ctx, s.tried))
	return co.record(context.WithoutCancel(ctx), s.tried, result)
}

// lookUp determines the outcome of an attempt that must not be sent again, because Stripe may have
// forgotten its key. If Stripe has no PaymentIntent of the attempt, none was ever created: nothing
// was charged, and a new attempt is safe.
func (co *Collector) lookUp(ctx context.Context, c tried) result {
	id := c.attempt.PaymentIntent
	var pi billing.PaymentIntent
	var err error
	if id != "" {
		pi, err = co.Gateway.PaymentIntent(ctx, id)
	} else {
		pi, err = co.intentOf(ctx, c, "")
	}
	if errors.Is(err, billing.ErrNotFound) && co.Clock.Now().Sub(c.sentAt) < co.Clock.Simulated(co.Lease) {
		return result{outcome: billing.OutcomeUnknown, err: errors.New("the request may still be in flight")}
	}
	if errors.Is(err, billing.ErrNotFound) {
		return co.neverArrived(ctx, c)
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
func (co *Collector) neverArrived(ctx context.Context, c tried) result {
	other, err := co.elsewhere(ctx, c)
	switch {
	case err != nil:
		return result{outcome: billing.OutcomeUnknown, err: err}
	case other:
		return co.ofAnotherAccount()
	}
	return noCharge(billing.PaymentIntent{}, codeNeverArrived, "the request never reached Stripe")
}

// intentOf looks for the PaymentIntent of an attempt among the customer's. It matches the
// attempt's id in the metadata, or the id of the attempt's Stripe charge if that is known.
func (co *Collector) intentOf(ctx context.Context, c tried, stripeCharge string) (billing.PaymentIntent, error) {
	return co.Gateway.FindPaymentIntent(ctx, c.customer, time.Time{}, func(pi billing.PaymentIntent) bool {
		return pi.Metadata[billing.MetaAttempt] == string(c.attempt.ID) || stripeCharge != "" && pi.LatestCharge == stripeCharge
	})
}
