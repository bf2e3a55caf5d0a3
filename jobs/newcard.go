package jobs

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"tranche/internal/billing"
	"tranche/internal/dunning"
)

// tryNewCard moves what is owed to the card the customer gave: what waited for a card, for the customer or for a retry is
// tried at once, where the policy says so and the plan is not stopped. Later charges take the plan's card anyway.
func (t *planTx) tryNewCard(ctx context.Context) error {
	return t.tryCard(ctx, "the customer gave a new card", billing.ChargeRetrying, billing.ChargeRequiresAction,
		billing.ChargeRequiresPaymentMethod, billing.ChargeFailed)
}

// tryCard tries what is owed and in one of the statuses again; why says what changed.
func (t *planTx) tryCard(ctx context.Context, why string, statuses ...billing.ChargeStatus) error {
	if !t.plan.Status.Collects() {
		return nil
	}
	for i := range t.charges {
		c := &t.charges[i]
		if c.Checkout || !slices.Contains(statuses, c.Status) {
			continue // the first is paid in the checkout
		}
		if err := t.moveToNewCard(ctx, c, why); err != nil {
			return err
		}
	}
	return nil
}

// renewed says whether the network brought the card's date or number up to date.
// Source: docs.stripe.com/payments/save-and-reuse, "Automatic card updates".
func renewed(before billing.Card, pm billing.PaymentMethod) bool {
	return before.Status == billing.CardActive && pm.Customer != "" &&
		(before.ExpYear != pm.ExpYear || before.ExpMonth != pm.ExpMonth || before.Fingerprint != pm.Fingerprint || before.Last4 != pm.Last4)
}

// tryRenewed tries what waited for the customer to mend a card's details: the network has.
func (w *Worker) tryRenewed(ctx context.Context, card billing.Card) error {
	plans, err := w.Store.Plans(ctx, billing.PlanFilter{Customer: card.CustomerID})
	if err != nil {
		return err
	}
	for _, p := range plans {
		if p.CardID != card.ID || !p.Status.Collects() {
			continue
		}
		err := w.inPlan(ctx, p.ID, func(t *planTx) error {
			return t.tryCard(ctx, "the network renewed the card's details", billing.ChargeRequiresPaymentMethod)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (t *planTx) moveToNewCard(ctx context.Context, c *billing.Charge, why string) error {
	follow, err := t.Dunning(ctx, c.ID)
	if err != nil && !errors.Is(err, billing.ErrNotFound) {
		return err
	}
	policy, err := t.policyOf(ctx, follow)
	if err != nil {
		return err
	}
	if follow.CardID != "" { // the card in the customer's hand comes before any other
		follow.CardID = ""
		if err := t.UpdateDunning(ctx, follow); err != nil {
			return err
		}
	}
	if !policy.RetryNewCard {
		t.audit(c, billing.ActorCustomer, "charge.new_card", fmt.Sprintf("charge %d: %s", c.Sequence, why),
			"its next attempt takes the new card")
		return nil
	}
	t.audit(c, billing.ActorCustomer, "charge.retrying", fmt.Sprintf("charge %d: %s", c.Sequence, why), "tried again at once")
	return t.retryNow(c, why)
}

// policyOf is the policy that a dunning began with; the plan's present one where there is none.
func (t *planTx) policyOf(ctx context.Context, d billing.Dunning) (dunning.Policy, error) {
	if d.Policy != "" {
		return pinned(ctx, t.Tx, d.Policy)
	}
	policy, ok := t.worker.Policies.Get(t.plan.Policy)
	if !ok {
		policy, _ = t.worker.Policies.Get(dunning.DefaultName)
	}
	return policy, nil
}

// keepBackup makes the backup card that paid the plan's card: the one before was of no use.
func (t *planTx) keepBackup(ctx context.Context, paymentMethod string) error {
	card, err := t.CardByPaymentMethod(ctx, paymentMethod)
	if errors.Is(err, billing.ErrNotFound) {
		return nil
	}
	if err != nil || card.ID == t.plan.CardID || card.CustomerID != t.plan.CustomerID || !card.Chargeable() {
		return err
	}
	t.plan.CardID = card.ID
	entry := t.planEntry("card.moved",
		fmt.Sprintf("%s card ending %s paid in place of the plan's card, and is charged from now on", card.Brand, card.Last4), "")
	entry.CardID = card.ID
	t.entries = append(t.entries, entry)
	return nil
}
