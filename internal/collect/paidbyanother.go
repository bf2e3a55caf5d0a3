package collect

import (
	"context"
	"errors"
	"fmt"

	"tranche/internal/billing"
	"tranche/internal/followup"
	"tranche/internal/planwork"
)

// A charge has one PaymentIntent, but another one that names the charge may be paid: a replacement
// that was lost with the database, or a PaymentIntent that the merchant created. The charge's own
// PaymentIntent must not be paid as well, so it is seen canceled before the other one replaces it.

// AdoptPaidIntent makes a paid PaymentIntent the charge's own once the previous one is seen
// canceled, and returns the charge. The caller records the payment and compares the amount. Errors:
// *SecondPaymentError if both are paid; an error that a later try may resolve if Stripe can't be
// asked, the previous one is not canceled yet, or an attempt has no known outcome yet.
func (co *Collector) AdoptPaidIntent(ctx context.Context, c billing.Charge, paid billing.PaymentIntent) (billing.Charge, error) {
	if err := co.holdPaid(ctx, c, paid); err != nil {
		return c, err
	}
	other, err := co.cancelOther(ctx, c.PaymentIntent, paid)
	switch {
	case err != nil:
		return c, err
	case other.Status == billing.IntentSucceeded:
		return co.bothPaid(ctx, c, other)
	case other.Status != billing.IntentCanceled:
		return c, fmt.Errorf("%s paid charge %s, and its other PaymentIntent %s is %s", paid.ID, c.ID, other.ID, planwork.Spoken(other.Status))
	}
	err = co.Do(ctx, c.PlanID, func(t *planwork.Tx) error {
		mine, err := t.Charge(c.ID)
		if err != nil {
			return err
		}
		switch mine.PaymentIntent {
		case "", other.ID:
			AdoptReplacement(t, mine, other, paid)
		case paid.ID:
		default:
			return fmt.Errorf("charge %s got another PaymentIntent, %s, while %s paid it", c.ID, mine.PaymentIntent, paid.ID)
		}
		c = *mine
		return nil
	})
	return c, err
}

// holdPaid keeps a charge from being tried while its PaymentIntent is canceled, and marks the
// cancellation as ours. Otherwise its event would be taken for the merchant's decision that nothing
// is owed.
func (co *Collector) holdPaid(ctx context.Context, c billing.Charge, paid billing.PaymentIntent) error {
	return co.Do(ctx, c.PlanID, func(t *planwork.Tx) error {
		mine, err := t.Charge(c.ID)
		if err != nil || mine.Status.Ended() || mine.PaymentIntent != c.PaymentIntent {
			return err
		}
		attempts, err := t.Attempts(ctx, c.ID)
		if err != nil {
			return err
		}
		if n := len(attempts); n > 0 && attempts[n-1].Outcome.Open() {
			return fmt.Errorf("%s paid charge %s, and attempt %d at it has no known outcome yet", paid.ID, c.ID, n)
		}
		follow, _, err := followup.OpenDunning(ctx, t, mine)
		if err != nil {
			return err
		}
		follow.Replacing = mine.PaymentIntent
		if err := t.UpdateDunning(ctx, follow); err != nil {
			return err
		}
		t.ClearSchedule(mine)
		mine.Reason = fmt.Sprintf("it was paid by %s; %s is canceled first", paid.ID, mine.PaymentIntent)
		return nil
	})
}

// cancelOther cancels the charge's previous PaymentIntent, after paid has paid the charge, and
// returns its resulting state. A PaymentIntent that Stripe does not have can't be paid, and counts
// as canceled.
func (co *Collector) cancelOther(ctx context.Context, id string, paid billing.PaymentIntent) (billing.PaymentIntent, error) {
	other, err := co.Gateway.PaymentIntent(ctx, id)
	if err == nil && cancelable(other.Status) {
		err = billing.UnderKey("replaced-by-"+paid.ID, func(key string) (err error) {
			other, err = co.Gateway.CancelPaymentIntent(ctx, key, id)
			return err
		})
		if err != nil || other.Status != billing.IntentCanceled {
			other, err = co.Gateway.PaymentIntent(ctx, id) // it may have been paid meanwhile
		}
	}
	if errors.Is(err, billing.ErrNotFound) {
		return billing.PaymentIntent{ID: id, Status: billing.IntentCanceled}, nil
	}
	return other, err
}

// bothPaid records the payment by the charge's own PaymentIntent, and reports the other payment as
// the second.
func (co *Collector) bothPaid(ctx context.Context, c billing.Charge, own billing.PaymentIntent) (billing.Charge, error) {
	if err := co.RecordPayment(ctx, c, own, nil); err != nil {
		return c, err
	}
	c, err := co.Store.Charge(ctx, c.ID)
	if err != nil {
		return c, err
	}
	return c, &SecondPaymentError{c}
}
