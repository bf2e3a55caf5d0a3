package collect

import (
	"context"
	"errors"
	"time"

	"tranche/internal/billing"
	"tranche/internal/planwork"
)

// A charge can be canceled while the answer that names its PaymentIntent is in flight or lost,
// after a checkout or the recovery page requested the PaymentIntent. The worker finds the
// PaymentIntent by sending the same request under the same key, and a later call cancels it.
// Nothing is confirmed, so no money moves.

// findIntent finds the PaymentIntent of an attempt at a charge that was canceled meanwhile.
type findIntent struct {
	tried
	lookUp bool // Stripe may have forgotten the attempt's key
}

// newFind returns the step that finds the PaymentIntent of the charge's last attempt. If that
// attempt created none, nothing is left to do.
func newFind(ctx context.Context, t *planwork.Tx, c *billing.Charge) (step, error) {
	attempts, err := t.Attempts(ctx, c.ID)
	if err != nil {
		return nil, err
	}
	n := len(attempts)
	if n == 0 || !mayHaveMade(attempts[n-1]) {
		t.ClearSchedule(c)
		return nil, nil
	}
	a := attempts[n-1]
	if until := sentAt(a).Add(t.Work.Clock.Simulated(t.Work.Lease)); t.Now.Before(until) {
		c.ClaimAfter = until // the answer may be in flight
		t.Touch(c)
		return nil, nil
	}
	arrives := t.Now.Sub(a.CreatedAt) + t.Work.Clock.Simulated(t.Work.Lease)
	t.HoldLease(c)
	return findIntent{tried: tried{planID: t.Plan.ID, attempt: a, customer: a.Params.Customer}, lookUp: arrives > planwork.KeyLifetime}, nil
}

// mayHaveMade reports whether Stripe may have a PaymentIntent for an attempt that does not name
// one: the answer was lost, or the customer's attempt was abandoned.
func mayHaveMade(a billing.Attempt) bool {
	return a.PaymentIntent == "" && (a.Outcome.Open() || a.Failure.Code == codeAbandoned)
}

// sentAt returns the earliest time at which the request of an attempt was last sent.
func sentAt(a billing.Attempt) time.Time {
	if a.SentAt.IsZero() {
		return a.CreatedAt
	}
	return a.SentAt
}

func (c findIntent) run(ctx context.Context, co *Collector) error {
	pi, err := co.intentToVoid(ctx, c)
	ctx = context.WithoutCancel(ctx)
	var ge *billing.GatewayError
	if err != nil && !errors.Is(err, billing.ErrNotFound) && (!errors.As(err, &ge) || ge.Resend() && !ge.Finished()) {
		return co.voidLater(ctx, void{planID: c.planID, charge: c.attempt.ChargeID}, err)
	}
	return co.Do(ctx, c.planID, func(t *planwork.Tx) error { return recordFound(ctx, t, c.attempt, pi.ID) })
}

// intentToVoid returns the PaymentIntent of an attempt: by the same request, or from the customer's
// list once Stripe may have forgotten the key. A customer without a Stripe customer has no list.
// The client secret of an unrecorded PaymentIntent was not handed out.
func (co *Collector) intentToVoid(ctx context.Context, c findIntent) (billing.PaymentIntent, error) {
	switch {
	case !c.lookUp:
		return co.Gateway.CreatePaymentIntent(ctx, c.attempt.IdempotencyKey, c.attempt.Params)
	case c.customer != "":
		return co.intentOf(ctx, c.tried, "")
	}
	return billing.PaymentIntent{}, nil
}

// recordFound closes the attempt. If a PaymentIntent was found, it makes the charge due again, and
// the next call cancels the PaymentIntent.
func recordFound(ctx context.Context, t *planwork.Tx, sent billing.Attempt, paymentIntent string) error {
	c, err := t.Charge(sent.ChargeID)
	if err != nil {
		return err
	}
	attempts, err := t.Attempts(ctx, c.ID)
	if err != nil {
		return err
	}
	a := attempts[sent.Number-1]
	if !mayHaveMade(a) || c.PaymentIntent != "" || !c.Void() {
		return nil // its answer arrived meanwhile
	}
	a.Outcome, a.PaymentIntent, a.FinishedAt = billing.OutcomeCanceled, paymentIntent, t.Now
	a.Failure = billing.Failure{Code: codeNeverArrived, Message: "the charge was canceled before the customer could pay it"}
	if paymentIntent == "" {
		t.ClearSchedule(c)
	} else {
		t.NoteIntent(c, paymentIntent)
	}
	return t.UpdateAttempt(ctx, a)
}
