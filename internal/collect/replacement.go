package collect

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tranche/internal/billing"
	"tranche/internal/planwork"
)

// followReplacement handles an attempt that failed because its PaymentIntent is canceled: it looks
// for a replacement at Stripe that the database may have lost.
func (co *Collector) followReplacement(ctx context.Context, c tried, r result) result {
	if r.outcome != billing.OutcomeCanceled || r.pi.ID == "" {
		return r
	}
	pi, err := billing.FindChargeIntent(ctx, co.Gateway, []string{c.customer}, time.Time{}, c.attempt.ChargeID, r.pi.ID)
	switch {
	case errors.Is(err, billing.ErrNotFound):
		return r
	case err != nil:
		return result{outcome: billing.OutcomeUnknown, err: err}
	}
	found := lostAttempt(pi)
	if !cancelable(pi.Status) {
		found = fromIntent(pi)
	}
	found.replaces = r.pi.ID
	return found
}

// ReplacementOf asks Stripe for the PaymentIntent that replaced a canceled PaymentIntent of the
// charge, and returns a zero one if there is none. Errors: *billing.GatewayError.
func (co *Collector) ReplacementOf(ctx context.Context, charge billing.Charge, canceled billing.PaymentIntent) (billing.PaymentIntent, error) {
	if canceled.Customer == "" || charge.Status.Ended() {
		return billing.PaymentIntent{}, nil
	}
	pi, err := billing.FindChargeIntent(ctx, co.Gateway, []string{canceled.Customer}, time.Time{}, charge.ID, canceled.ID)
	if errors.Is(err, billing.ErrNotFound) {
		return billing.PaymentIntent{}, nil
	}
	return pi, err
}

// AdoptReplacement gives a charge the PaymentIntent that replaced its canceled one. It does not
// record a payment.
func AdoptReplacement(t *planwork.Tx, c *billing.Charge, canceled, replacement billing.PaymentIntent) {
	t.NoteIntent(c, replacement.ID)
	t.Audit(c, "charge.payment_intent_found", fmt.Sprintf("charge %d: %s is canceled, and Stripe has %s (%s) in its place, "+
		"which the database had lost", c.Sequence, canceled.ID, replacement.ID, planwork.Spoken(replacement.Status)), "")
}
