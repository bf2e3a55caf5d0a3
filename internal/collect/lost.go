package collect

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tranche/internal/billing"
	"tranche/internal/money"
	"tranche/internal/planwork"
)

// A database that goes back in time (a restored backup, commits lost in a failover) loses attempts
// that Stripe has carried out. Within a day, Stripe replays its answer, because the key is derived
// from the attempt. For the other cases: if an attempt may be missing, Stripe's list
// of the customer's payments is read before a PaymentIntent is created.

// lateAfter is how long after its planned time a first attempt may in fact be a repeated one: an
// earlier attempt may have been lost with the database. It is far below the lifetime of a key,
// which covers younger attempts.
const (
	lateAfter    = 5 * time.Minute
	latestLookAt = 12 * time.Hour // on a fast clock; half the lifetime of a key
)

// codeLostAttempt is the failure code of an attempt whose key Stripe knows from an attempt that is
// not in the database.
const codeLostAttempt = "lost_attempt"

// mayHaveBeenTried reports whether a charge without PaymentIntent may have one at Stripe: the
// attempt is late, it is not the first, or the database is known to have gone back since the charge
// was written. Only an attempt that would create a PaymentIntent is checked, because an existing
// PaymentIntent can't be paid twice.
func mayHaveBeenTried(t *planwork.Tx, c *billing.Charge, attempts []billing.Attempt) bool {
	if c.PaymentIntent != "" {
		return false
	}
	planned := c.NextAttemptAt
	if !c.DueAt.IsZero() && c.DueAt.Before(planned) {
		planned = c.DueAt
	}
	late := min(t.Work.Clock.Simulated(lateAfter), latestLookAt)
	return len(attempts) > 0 || t.Now.Sub(planned) > late || t.Work.InDoubt(c.CreatedAt)
}

// lookFirst asks Stripe for a PaymentIntent of a charge before an attempt is written that would
// create one.
type lookFirst struct {
	charge    billing.Charge
	customer  string   // the Stripe customer that the card belongs to
	customers []string // the Stripe customers that may have paid the charge
	since     time.Time
	absent    func(ctx context.Context, row billing.Charge) error // continues if Stripe has none
}

// newLook returns the step that lists the customer's payments.
func newLook(ctx context.Context, t *planwork.Tx, c *billing.Charge, card billing.Card, k check) (step, error) {
	cards, err := t.Cards(ctx, t.Customer.ID)
	if err != nil {
		return nil, err
	}
	return lookFirst{
		charge: *c, customer: card.StripeCustomer,
		customers: t.Customer.StripeCustomersIn(t.Plan.Account, cards), since: t.Plan.CreatedAt.Add(-planwork.KeyLifetime),
		absent: k.afterLook,
	}, nil
}

// run looks for the PaymentIntent. If there is none, an attempt follows. Otherwise the charge
// adopts it, and nothing new is sent.
func (look lookFirst) run(ctx context.Context, co *Collector) error {
	pi, err := billing.FindChargeIntent(ctx, co.Gateway, look.customers, look.since, look.charge.ID, "")
	if errors.Is(err, billing.ErrNotFound) {
		return look.absent(ctx, look.charge)
	}
	ctx, cancel := co.Recording(ctx)
	defer cancel()
	if err != nil {
		return co.deferLook(ctx, look.charge, err)
	}
	co.Log.Warn().Str("charge", string(look.charge.ID)).Str("payment_intent", pi.ID).Str("status", string(pi.Status)).
		Msg("charge has a PaymentIntent that is not in the database: it went back in time")
	if pi.Status == billing.IntentSucceeded && SameAmount(look.charge, pi) {
		return co.RecordPayment(ctx, look.charge, pi, nil)
	}
	return co.adoptIntent(ctx, look, pi)
}

// deferLook defers a charge while Stripe can't report whether it was paid.
func (co *Collector) deferLook(ctx context.Context, row billing.Charge, why error) error {
	return co.Do(ctx, row.PlanID, func(t *planwork.Tx) error {
		c, err := t.Charge(row.ID)
		if err != nil || !isDue(*c, row.Lease, t.Now) {
			return err
		}
		t.Defer(c, notKnown(why))
		return nil
	})
}

// notKnown is the reason for deferring a charge that can't be looked up at Stripe.
func notKnown(why error) error {
	var ge *billing.GatewayError
	if errors.As(why, &ge) && ge.Kind == billing.GatewayUnknown {
		return fmt.Errorf("whether it was paid already is not known while Stripe is not answering: %w", why)
	}
	return fmt.Errorf("whether it was paid already is not known: %w", why)
}

// adoptIntent gives a charge the PaymentIntent that was found for it at Stripe. If that
// PaymentIntent can't take the payment, it is marked for cancellation and replacement.
func (co *Collector) adoptIntent(ctx context.Context, look lookFirst, pi billing.PaymentIntent) error {
	return co.Do(ctx, look.charge.PlanID, func(t *planwork.Tx) error {
		c, err := t.Charge(look.charge.ID)
		if err != nil || c.Status.Ended() || c.PaymentIntent != "" {
			return err
		}
		if pi.Status == billing.IntentSucceeded {
			return otherAmount(t, c, pi)
		}
		t.NoteIntent(c, pi.ID)
		c.ClaimAfter = t.Now
		t.Audit(c, "charge.payment_intent_found",
			fmt.Sprintf("charge %d: Stripe has %s (%s) for it, which the database had lost", c.Sequence, pi.ID, planwork.Spoken(pi.Status)), "")
		if why := unfit(*c, pi, look.customer); why != "" && cancelable(pi.Status) {
			_, err = toReplace(ctx, t, c, why)
			c.ClaimAfter = t.Now
		}
		return err
	})
}

// unfit returns why a PaymentIntent can't take a charge's payment on a customer's card, or "" if it
// can.
func unfit(c billing.Charge, pi billing.PaymentIntent, customer string) string {
	switch {
	case !SameAmount(c, pi):
		return fmt.Sprintf("it is for %s, and the charge for %s",
			money.FormatAmount(pi.Amount, pi.Currency), money.FormatAmount(c.Amount, c.Currency))
	case pi.Customer != customer:
		return fmt.Sprintf("it belongs to Stripe customer %q, and the card to %s", pi.Customer, customer)
	}
	return ""
}

// cancelable reports whether a PaymentIntent in this state can be canceled.
func cancelable(s billing.IntentStatus) bool {
	return s == billing.IntentRequiresPaymentMethod || s == billing.IntentRequiresConfirmation || s == billing.IntentRequiresAction
}

// lostAttempt is the result of an attempt whose key was already used by an attempt that the
// database has lost and that took no money. The next attempt number is tried.
func lostAttempt(pi billing.PaymentIntent) result {
	return noCharge(pi, codeLostAttempt, "an attempt with this number was made before, and lost with the database")
}
