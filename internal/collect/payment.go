package collect

import (
	"context"

	"tranche/internal/billing"
	"tranche/internal/cards"
	"tranche/internal/planwork"
)

// RecordPayment records that a PaymentIntent of the charge succeeded, in one transaction: the
// attempt, the charge, the plan's card and the notice. saved is the card that the customer paid
// with, if it is to be saved, or nil. A second payment opens an incident. A payment of another
// amount does not count as the charge's. A payment that is recorded already changes nothing.
// Errors: billing.ErrNotFound; billing.ErrExists if another attempt has the Stripe charge's id;
// billing.ErrConflict; billing.ErrUnavailable.
func (co *Collector) RecordPayment(ctx context.Context, charge billing.Charge, pi billing.PaymentIntent, saved *cards.Saved) error {
	return co.Do(ctx, charge.PlanID, func(t *planwork.Tx) error {
		c, err := t.Charge(charge.ID)
		if err != nil {
			return err
		}
		before := t.Plan.CardID
		if err := keepCard(ctx, t, c, pi, saved); err != nil {
			return err
		}
		actor, err := CloseAttempt(ctx, t, c, pi, billing.OutcomeSucceeded)
		if err != nil {
			return err
		}
		return takePayment(ctx, t, c, pi, actor, before)
	})
}

// takePayment counts a succeeded PaymentIntent as the charge's payment, or as a second payment.
// cardBefore is the plan's card before the payment. A new card is tried on the plan's other
// charges.
func takePayment(ctx context.Context, t *planwork.Tx, c *billing.Charge, pi billing.PaymentIntent, actor billing.Actor, cardBefore billing.CardID) error {
	switch {
	case c.PaidOutside:
		return paidOutsideToo(ctx, t, c, pi)
	case c.Status.Settled() && c.PaymentIntent != "" && c.PaymentIntent != pi.ID:
		return ReportPaidTwice(ctx, t, c, pi, "it was paid by "+c.PaymentIntent)
	case c.Status.Settled() || !c.Status.CanBecome(billing.ChargeSucceeded):
		return nil
	}
	if c.PaymentIntent == "" {
		t.NoteIntent(c, pi.ID)
	}
	if !SameAmount(*c, pi) {
		return otherAmount(t, c, pi)
	}
	if err := t.Succeed(ctx, c, actor, "Stripe says "+pi.ID+" succeeded"); err != nil || t.Plan.CardID == cardBefore {
		return err
	}
	return cards.TryUnpaid(ctx, t, true)
}

// keepCard makes the card that the customer paid with the plan's card, unless the plan has got
// another one since, and records the consent. A card that an attempt by Tranche paid with becomes
// the plan's card only if it was the backup card.
func keepCard(ctx context.Context, t *planwork.Tx, c *billing.Charge, pi billing.PaymentIntent, saved *cards.Saved) error {
	attempts, err := t.Attempts(ctx, c.ID)
	if err != nil {
		return err
	}
	if cards.ChargedByMerchant(attempts, pi.PaymentMethod) {
		return cards.PromoteBackup(ctx, t, c, pi.PaymentMethod)
	}
	late, err := cardIsNewer(ctx, t, c)
	if err != nil {
		return err
	}
	if saved != nil && !late {
		if err := cards.SetPlanCard(ctx, t, *saved); err != nil {
			return err
		}
	}
	return cards.BindConsent(ctx, t.Tx, pi.PaymentMethod, pi.ID, c.ID)
}

// cardIsNewer reports whether the plan got its card after this charge was paid. A late event about
// the payment must not bring back the previous card.
func cardIsNewer(ctx context.Context, t *planwork.Tx, c *billing.Charge) (bool, error) {
	if c.PaidAt.IsZero() || t.Plan.CardID == "" {
		return false, nil
	}
	card, err := t.Card(ctx, t.Plan.CardID)
	return err == nil && !card.CreatedAt.Before(c.PaidAt), err
}
