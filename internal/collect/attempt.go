package collect

import (
	"context"
	"errors"
	"fmt"

	"tranche/internal/billing"
	"tranche/internal/money"
	"tranche/internal/planwork"
)

// newAttempt writes a new attempt that confirms the charge's PaymentIntent, or creates it.
func newAttempt(ctx context.Context, t *planwork.Tx, c *billing.Charge, card billing.Card, attempts []billing.Attempt, k check) (step, error) {
	number := len(attempts) + 1
	a := billing.NewAttempt(c.ID, number, billing.InitiatorMerchant, t.Now)
	a.SendCount, a.SentAt, a.PaymentIntent, a.Fingerprint = 1, t.Now, c.PaymentIntent, t.Work.Fingerprint(card)
	a = a.Sending(paramsFor(t, *c, card, a, attempts))
	if err := t.InsertAttempt(ctx, a); err != nil {
		return nil, err
	}
	if err := t.Move(c, billing.ChargeCollecting, "", c.NextAttemptAt); err != nil {
		return nil, err
	}
	c.AttemptCount = number
	t.HoldLease(c)
	t.Audit(c, "charge.collecting",
		fmt.Sprintf("charge %d of %s: attempt %d with the %s", c.Sequence,
			money.FormatAmount(c.Amount, c.Currency), number, card.Label()), "Stripe's answer")
	return sendAttempt{tried: tried{planID: t.Plan.ID, attempt: a, customer: card.StripeCustomer}, checked: k.at}, nil
}

// paramsFor returns the request of a new attempt: it confirms the charge's PaymentIntent, or
// creates it.
func paramsFor(t *planwork.Tx, c billing.Charge, card billing.Card, a billing.Attempt, before []billing.Attempt) billing.PaymentParams {
	if c.PaymentIntent != "" {
		return billing.PaymentParams{
			PaymentIntent: c.PaymentIntent, PaymentMethod: card.PaymentMethod, OffSession: true,
			// Sent only if the last attempt showed that it is needed. Most retries send nothing unusual.
			ClearSetup: len(before) > 0 && before[len(before)-1].Failure.Code == codeSetupLeft,
		}
	}
	return billing.PaymentParams{
		Amount: c.Amount, Currency: c.Currency, Customer: card.StripeCustomer, PaymentMethod: card.PaymentMethod,
		OffSession: true, Metadata: c.Metadata(t.Plan.Reference, a.ID),
		Description: t.Plan.PaymentDescription(c, len(t.Charges)),
	}.Connected(t.Plan.Connect)
}

// inFlight reports whether the call of an open attempt may be in flight. The attempt was sent under
// the charge's current lease, so another worker may still be waiting for Stripe's answer: the queue
// runs a task again when its worker seems dead. The charge is claimed again when the lease ends.
func inFlight(t *planwork.Tx, c *billing.Charge, a billing.Attempt) bool {
	return !t.InFuture(a.SentAt) && !c.ClaimAfter.After(a.SentAt.Add(t.Work.Clock.Simulated(t.Work.Lease)))
}

// resumeAttempt resumes an attempt whose outcome is unknown. The same request is sent again under
// the same key while Stripe remembers the key. After that, and for a payment that is processing,
// the outcome is looked up.
func resumeAttempt(ctx context.Context, t *planwork.Tx, c *billing.Charge, a billing.Attempt, k check) (step, error) {
	again := tried{planID: t.Plan.ID, customer: a.Params.Customer}
	lookUp, err := mustLookUp(ctx, t, a)
	if err != nil {
		return nil, err
	}
	if t.InFuture(a.SentAt) {
		a.SentAt = t.Now // it was sent by now at the latest, and may be in flight for one lease
	}
	if again.customer == "" && t.Plan.CardID != "" {
		card, err := t.Card(ctx, t.Plan.CardID)
		if err != nil {
			return nil, err
		}
		again.customer = card.StripeCustomer
	}
	again.sentAt = a.SentAt
	if a.SendCount++; !lookUp {
		a.SentAt = t.Now
	}
	if err := t.UpdateAttempt(ctx, a); err != nil {
		return nil, err
	}
	again.attempt = a
	t.HoldLease(c)
	if lookUp {
		return lookUpAttempt{again}, nil
	}
	return sendAttempt{tried: again, checked: k.at}, nil
}

// mustLookUp reports whether an attempt whose outcome is unknown is looked up and not sent again:
// Stripe may have forgotten its key, or is processing it, or the card must not be charged any more.
func mustLookUp(ctx context.Context, t *planwork.Tx, a billing.Attempt) (bool, error) {
	allowed, err := mayCharge(ctx, t, a.Params.PaymentMethod)
	if err != nil {
		return false, err
	}
	// A request that is sent now may arrive one lease later, in real time: the key must live until
	// then. The age of a key that was written by a clock that was ahead is not known.
	arrives := t.Now.Sub(a.CreatedAt) + t.Work.Clock.Simulated(t.Work.Lease)
	ahead := t.InFuture(a.CreatedAt) || t.InFuture(a.SentAt)
	return a.Outcome == billing.OutcomeProcessing || arrives > planwork.KeyLifetime || ahead || !allowed, nil
}

// mayCharge reports whether the plan collects and the card of an attempt may still be charged. If
// not, an open attempt is looked up and not sent again.
func mayCharge(ctx context.Context, t *planwork.Tx, paymentMethod string) (bool, error) {
	card, err := t.CardByPaymentMethod(ctx, paymentMethod)
	if err != nil && !errors.Is(err, billing.ErrNotFound) {
		return false, err
	}
	return err == nil && card.Fault(t.Plan.Account) == "" && t.Plan.Status.Collects(), nil
}
