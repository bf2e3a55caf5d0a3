package jobs

import (
	"context"
	"errors"
	"fmt"

	"tranche/internal/billing"
	"tranche/internal/dunning"
)

// tryNewCard tries what is owed on the plan's card at once, where the policy allows it. Later
// charges take the card anyway.
func (t *planTx) tryNewCard(ctx context.Context, actor billing.Actor, why string) error {
	return t.tryCard(ctx, billing.NewCard{Actor: actor, Why: why, Now: t.now, KeepsTime: t.keepsTime, NotBefore: t.leftToCustomer})
}

// tryCard carries out the rule of billing.NewCard for the plan.
func (t *planTx) tryCard(ctx context.Context, n billing.NewCard) error {
	changed, entries, err := n.Try(ctx, t.Tx, t.plan, t.charges)
	if err != nil {
		return err
	}
	for _, i := range changed {
		t.touch(&t.charges[i])
	}
	t.entries = append(t.entries, entries...)
	return nil
}

// keepsTime reports whether the policy leaves a planned retry at its time when the customer gives a
// new card.
func (t *planTx) keepsTime(ctx context.Context, d billing.Dunning) (bool, error) {
	policy, err := t.policyOf(ctx, d)
	return !policy.RetryNewCard, err
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

// plansOfCard lists the plans that are charged from now on with the card that an intent saved:
// those that the text of the customer's consent listed, whether the customer paid with the card or
// only saved it. named is the plan where no consent was kept; it may be empty.
func plansOfCard(ctx context.Context, r billing.Reader, intent string, named billing.PlanID) ([]billing.PlanID, error) {
	consents, err := r.Consents(ctx, billing.ConsentFilter{Intent: intent, Limit: 1})
	switch {
	case err != nil:
		return nil, err
	case len(consents) > 0:
		return consents[0].Plans(), nil
	case named == "":
		return nil, nil
	}
	return []billing.PlanID{named}, nil
}

// moveToCard has a plan charge a card that the customer gave, and tries what is owed on it. A plan
// that is over, or that belongs to another customer or account than the card, stays as it is.
func (w *Worker) moveToCard(ctx context.Context, id billing.PlanID, owner billing.CustomerID, saved savedCard) error {
	_, err := w.Store.Plan(ctx, id)
	if errors.Is(err, billing.ErrNotFound) { // the metadata names what is not there
		return nil
	}
	if err != nil {
		return err
	}
	return w.inPlan(ctx, id, func(t *planTx) error {
		if !t.plan.Status.Open() || t.plan.CustomerID != owner || t.plan.Account != saved.account {
			return nil
		}
		if err := t.useCard(ctx, saved); err != nil || saved.problem != "" {
			return err
		}
		return t.tryNewCard(ctx, billing.ActorCustomer, "the customer gave a new card")
	})
}

// renewed reports whether the network brought the card's date or number up to date.
// Source: docs.stripe.com/payments/save-and-reuse, "Automatic card updates".
func renewed(before billing.Card, pm billing.PaymentMethod) bool {
	return before.Status == billing.CardActive && pm.Customer != "" &&
		(before.ExpYear != pm.ExpYear || before.ExpMonth != pm.ExpMonth || before.Fingerprint != pm.Fingerprint || before.Last4 != pm.Last4)
}

// tryRenewed tries what waited for the customer to correct a card's details: the network has
// renewed them.
func (w *Worker) tryRenewed(ctx context.Context, card billing.Card) error {
	for p, err := range billing.EachPlan(ctx, w.Store, billing.PlanFilter{Customer: card.CustomerID}) {
		if err != nil {
			return err
		}
		if p.CardID != card.ID || !p.Status.Open() {
			continue
		}
		if err := w.inPlan(ctx, p.ID, func(t *planTx) error { return t.tryRenewedCard(ctx, card.ID) }); err != nil {
			return err
		}
	}
	return nil
}

func (t *planTx) tryRenewedCard(ctx context.Context, card billing.CardID) error {
	if t.plan.CardID != card {
		return nil
	}
	return t.tryCard(ctx, billing.NewCard{
		Actor: billing.ActorStripe, Why: "the network renewed the card's details", Now: t.now, WaitingOnly: true,
	})
}

// keepBackup makes the card that paid the plan's card, where it is the backup card that dunning
// chose for the charge: the plan's own was of no use. Any other card that paid by an attempt of
// ours was the plan's when the attempt began, and may have been replaced since: it does not come
// back.
func (t *planTx) keepBackup(ctx context.Context, c *billing.Charge, paymentMethod string) error {
	follow, err := t.Dunning(ctx, c.ID)
	if errors.Is(err, billing.ErrNotFound) || err == nil && follow.CardID == "" {
		return nil
	}
	if err != nil {
		return err
	}
	card, err := t.Card(ctx, follow.CardID)
	if err != nil || card.PaymentMethod != paymentMethod || card.ID == t.plan.CardID || card.CustomerID != t.plan.CustomerID || !card.Chargeable() {
		return err
	}
	t.plan.CardID = card.ID
	entry := t.planEntry("card.moved",
		fmt.Sprintf("%s paid in place of the plan's card, and is charged from now on", card.Label()), "")
	entry.CardID = card.ID
	t.entries = append(t.entries, entry)
	return nil
}
