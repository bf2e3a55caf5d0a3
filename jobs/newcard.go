package jobs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tranche/internal/billing"
	"tranche/internal/dunning"
)

// tryNewCard tries the unpaid charges at once on the card that the customer has just given, if the
// policy allows it. Later charges use the card in any case. paying: the customer has just paid a
// charge of the plan, and may be about to pay others.
func (t *planTx) tryNewCard(ctx context.Context, paying bool) error {
	n := billing.NewCard{Actor: billing.ActorCustomer, Why: "the customer entered a new card", Now: t.now}
	n.KeepsTime = func(ctx context.Context, d billing.Dunning) (bool, error) { return t.keepsTime(ctx, d) }
	if paying {
		n.NotBefore = func(ctx context.Context, c *billing.Charge) (time.Time, error) { return t.leftToCustomer(ctx, c) }
	}
	return t.tryCard(ctx, n)
}

// tryCard applies the rule of billing.NewCard to the plan.
func (t *planTx) tryCard(ctx context.Context, n billing.NewCard) error {
	changed, entries, err := n.Try(ctx, t.Tx, t.plan, t.charges)
	if err != nil {
		return err
	}
	for _, i := range changed {
		t.touch(&t.charges[i])
	}
	t.addAudit(entries...)
	return nil
}

// keepsTime reports whether the policy keeps a planned retry at its time after the customer gave a
// new card.
func (t *planTx) keepsTime(ctx context.Context, d billing.Dunning) (bool, error) {
	policy, err := t.policyOf(ctx, d)
	return !policy.RetryNewCard, err
}

// policyOf returns the policy that a dunning began with, or the plan's current policy if it has
// none.
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

// plansOfCard lists the plans that are charged from now on with the card that an intent saved: the
// plans that the text of the customer's consent listed, whether the customer paid with the card or
// only saved it. If no consent was recorded, it is the plan named, which may be empty.
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

// moveToCard makes a plan charge a card that the customer gave, and tries the unpaid charges on it.
// A plan that has ended, or that belongs to another customer or account than the card, stays as it
// is.
func (w *Worker) moveToCard(ctx context.Context, id billing.PlanID, owner billing.CustomerID, saved savedCard) error {
	_, err := w.Store.Plan(ctx, id)
	if errors.Is(err, billing.ErrNotFound) { // the metadata names a plan that does not exist
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
		return t.tryNewCard(ctx, false)
	})
}

// renewed reports whether the network updated the card's date or number.
// Source: docs.stripe.com/payments/save-and-reuse, "Automatic card updates".
func renewed(before billing.Card, pm billing.PaymentMethod) bool {
	return before.Status == billing.CardActive && pm.Customer != "" &&
		(before.ExpYear != pm.ExpYear || before.ExpMonth != pm.ExpMonth || before.Fingerprint != pm.Fingerprint || before.Last4 != pm.Last4)
}

// tryRenewed tries the charges that waited for corrected card details, because the network has
// renewed the details.
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

// keepBackup makes the card that paid the plan's card, if it is the backup card that dunning chose
// for the charge: the plan's own card had failed. Any other card that an attempt by Tranche paid
// with was the plan's card when the attempt began. It may have been replaced since, so it is not
// restored.
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
	t.auditCard(card, "card.moved", fmt.Sprintf("%s paid instead of the plan's card, and is charged from now on", card.Label()))
	return nil
}
