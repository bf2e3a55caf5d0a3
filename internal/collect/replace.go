package collect

import (
	"context"
	"errors"
	"fmt"

	"tranche/internal/billing"
	"tranche/internal/followup"
	"tranche/internal/money"
	"tranche/internal/planwork"
)

// confirmLimit is how often one PaymentIntent is confirmed in total, off-session and by the
// customer. Stripe cancels a PaymentIntent after too many confirmations. It does not publish the
// number; about 10 were observed.
const confirmLimit = 8

// cannotConfirm returns why the charge's PaymentIntent can't take another confirmation with this
// card, or "" if it can.
func cannotConfirm(c *billing.Charge, card billing.Card, attempts []billing.Attempt) string {
	if c.PaymentIntent == "" {
		return ""
	}
	tries := 0
	for _, a := range attempts {
		if a.PaymentIntent != c.PaymentIntent {
			continue
		}
		if a.Outcome == billing.OutcomeDeclined || a.Outcome == billing.OutcomeRequiresAction {
			tries++
		}
		if a.Made() && (a.Params.Amount != c.Amount || a.Params.Currency != c.Currency) {
			return fmt.Sprintf("it is for %s, and the charge for %s",
				money.FormatAmount(a.Params.Amount, a.Params.Currency), money.FormatAmount(c.Amount, c.Currency))
		}
		if a.Made() && a.Params.Customer != card.StripeCustomer {
			return fmt.Sprintf("it belongs to %s, and the card to %s", stripeCustomer(a.Params.Customer), stripeCustomer(card.StripeCustomer))
		}
	}
	if tries >= confirmLimit {
		return fmt.Sprintf("it was confirmed %d times, and Stripe cancels a PaymentIntent that is confirmed too often", tries)
	}
	return ""
}

// whyReplace returns why the charge's PaymentIntent is replaced before the next attempt, or "" if
// it is not. A replacement that has begun is continued.
func whyReplace(ctx context.Context, t *planwork.Tx, c *billing.Charge, card billing.Card, attempts []billing.Attempt) (string, error) {
	if why := cannotConfirm(c, card, attempts); why != "" || c.PaymentIntent == "" {
		return why, nil
	}
	begun, err := isOurs(ctx, t, c, billing.PaymentIntent{ID: c.PaymentIntent})
	if begun {
		return "its replacement has begun", err
	}
	return "", err
}

// stripeCustomer describes a Stripe customer in words.
func stripeCustomer(id string) string {
	if id == "" {
		return "no Stripe customer"
	}
	return "Stripe customer " + id
}

// toReplace marks the charge's PaymentIntent as about to be canceled, before Stripe is called.
// Otherwise the event of the cancellation would be taken for the merchant's decision that nothing
// is owed.
func toReplace(ctx context.Context, t *planwork.Tx, c *billing.Charge, why string) (step, error) {
	follow, _, err := followup.OpenDunning(ctx, t, c)
	if err != nil {
		return nil, err
	}
	if follow.Replacing != c.PaymentIntent {
		follow.Replacing = c.PaymentIntent
		if err := t.UpdateDunning(ctx, follow); err != nil {
			return nil, err
		}
		t.Audit(c, "charge.payment_intent_canceling",
			fmt.Sprintf("charge %d: %s is canceled to make a new one: %s", c.Sequence, c.PaymentIntent, why), "")
	}
	t.HoldLease(c)
	return replaceIntent{charge: *c, intent: c.PaymentIntent}, nil
}

// replaceIntent cancels a PaymentIntent and, once it is seen canceled, lets the charge be tried
// with a new one. If the PaymentIntent was paid meanwhile, the payment is recorded.
type replaceIntent struct {
	charge billing.Charge
	intent string
}

func (r replaceIntent) run(ctx context.Context, co *Collector) error {
	pi, err := co.Gateway.CancelPaymentIntent(ctx, voidKey(r.intent, r.charge.Lease), r.intent)
	if err != nil || pi.Status != billing.IntentCanceled {
		pi, err = co.Gateway.PaymentIntent(ctx, r.intent) // it may be paid, or canceled already
	}
	ctx, cancel := co.Recording(ctx)
	defer cancel()
	switch {
	case errors.Is(err, billing.ErrNotFound):
		pi.ID, pi.Status = r.intent, billing.IntentCanceled
	case err == nil && pi.Status == billing.IntentSucceeded:
		return co.RecordPayment(ctx, r.charge, pi, nil)
	}
	pending := notCanceled(r.intent, pi, err)
	return co.Do(ctx, r.charge.PlanID, func(t *planwork.Tx) error {
		c, found := t.Charge(r.charge.ID)
		if found != nil || c.Status.Ended() || c.PaymentIntent != r.intent {
			return found
		}
		if pending == nil {
			return DropCanceledIntent(t, c)
		}
		t.Defer(c, pending)
		return nil
	})
}

// notCanceled returns why no new PaymentIntent may be created yet, or nil if one may. looked is the
// error of the lookup.
func notCanceled(id string, pi billing.PaymentIntent, looked error) error {
	switch {
	case looked != nil && pi.Status != billing.IntentCanceled:
		return fmt.Errorf("the cancellation of %s is not certain yet, so no new PaymentIntent is created: %w", id, looked)
	case pi.Status != billing.IntentCanceled:
		return fmt.Errorf("%s is %s and not canceled yet, so no new PaymentIntent is created", id, planwork.Spoken(pi.Status))
	}
	return nil
}
