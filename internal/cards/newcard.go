package cards

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"tranche/internal/billing"
	"tranche/internal/planwork"
)

// payingTime is how long a customer may take to confirm several payments one after another, each
// with authentication at the bank.
const payingTime = 10 * time.Minute

// leftToCustomer returns the time until which a charge is left to the customer: the recovery page
// handed out its client secret together with the secret of a payment that has just succeeded. The
// time is zero if no secret was handed out.
func leftToCustomer(ctx context.Context, t *planwork.Tx, c *billing.Charge) (time.Time, error) {
	opened, err := t.LastCardTry(ctx, billing.CardTryFilter{Kind: billing.CardTryPayment, Charge: c.ID})
	if errors.Is(err, billing.ErrNotFound) {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, err
	}
	return opened.At.Add(t.Work.Clock.Simulated(payingTime)), nil
}

// BindConsent links the customer's consent to the card that was saved with it.
func BindConsent(ctx context.Context, tx billing.Tx, paymentMethod, intent string, charge billing.ChargeID) error {
	card, err := tx.CardByPaymentMethod(ctx, paymentMethod)
	if errors.Is(err, billing.ErrNotFound) { // the card could not be saved
		return nil
	}
	if err != nil {
		return err
	}
	return tx.BindConsent(ctx, intent, charge, card.ID)
}

// ChargedByMerchant reports whether an attempt of the merchant's was made with the card. A card
// that the customer enters is a new PaymentMethod, so no earlier attempt was made with it.
func ChargedByMerchant(attempts []billing.Attempt, paymentMethod string) bool {
	return paymentMethod != "" && slices.ContainsFunc(attempts, func(a billing.Attempt) bool {
		return a.Initiator == billing.InitiatorMerchant && a.Params.PaymentMethod == paymentMethod
	})
}

// TryUnpaid tries the unpaid charges at once on the card that the customer has just given, if the
// policy allows it. Later charges use the card in any case. paying: the customer has just paid a
// charge of the plan, and may be about to pay others.
func TryUnpaid(ctx context.Context, t *planwork.Tx, paying bool) error {
	n := billing.NewCard{Actor: billing.ActorCustomer, Why: "the customer entered a new card", Now: t.Now}
	n.KeepsTime = func(ctx context.Context, d billing.Dunning) (bool, error) { return keepsTime(ctx, t, d) }
	if paying {
		n.NotBefore = func(ctx context.Context, c *billing.Charge) (time.Time, error) { return leftToCustomer(ctx, t, c) }
	}
	_, err := t.TryCard(ctx, n)
	return err
}

// ConsentedPlans lists the plans that are charged from now on with the card that an intent saved:
// the plans that the text of the customer's consent listed, whether the customer paid with the card
// or only saved it. If no consent was recorded, it is the plan named, which may be empty.
func ConsentedPlans(ctx context.Context, r billing.Reader, intent string, named billing.PlanID) ([]billing.PlanID, error) {
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

// MoveToCard makes a plan charge a card that the customer gave, and tries the unpaid charges on it.
// A plan that has ended, or that belongs to another customer or account than the card, stays as it
// is.
func (k *Keeper) MoveToCard(ctx context.Context, id billing.PlanID, owner billing.CustomerID, saved Saved) error {
	_, err := k.Store.Plan(ctx, id)
	if errors.Is(err, billing.ErrNotFound) { // the metadata names a plan that does not exist
		return nil
	}
	if err != nil {
		return err
	}
	return k.Do(ctx, id, func(t *planwork.Tx) error {
		if !t.Plan.Status.Open() || t.Plan.CustomerID != owner || t.Plan.Account != saved.Account {
			return nil
		}
		if err := SetPlanCard(ctx, t, saved); err != nil || saved.Problem != "" {
			return err
		}
		return TryUnpaid(ctx, t, false)
	})
}

// Renewed reports whether the network updated the card's date or number.
// Source: docs.stripe.com/payments/save-and-reuse, "Automatic card updates".
func Renewed(before billing.Card, pm billing.PaymentMethod) bool {
	return before.Status == billing.CardActive && pm.Customer != "" &&
		(before.ExpYear != pm.ExpYear || before.ExpMonth != pm.ExpMonth || before.Fingerprint != pm.Fingerprint || before.Last4 != pm.Last4)
}

// TryRenewed tries the charges that waited for corrected card details, because the network has
// renewed the details.
func (k *Keeper) TryRenewed(ctx context.Context, card billing.Card) error {
	for p, err := range billing.EachPlan(ctx, k.Store, billing.PlanFilter{Customer: card.CustomerID}) {
		if err != nil {
			return err
		}
		if p.CardID != card.ID || !p.Status.Open() {
			continue
		}
		if err := k.Do(ctx, p.ID, func(t *planwork.Tx) error { return tryRenewedCard(ctx, t, card.ID) }); err != nil {
			return err
		}
	}
	return nil
}

func tryRenewedCard(ctx context.Context, t *planwork.Tx, card billing.CardID) error {
	if t.Plan.CardID != card {
		return nil
	}
	_, err := t.TryCard(ctx, billing.NewCard{
		Actor: billing.ActorStripe, Why: "the network renewed the card's details", Now: t.Now, WaitingOnly: true,
	})
	return err
}

// PromoteBackup makes the card that paid the plan's card, if it is the backup card that dunning
// chose for the charge: the plan's own card had failed. Any other card that an attempt by Tranche
// paid with was the plan's card when the attempt began. It may have been replaced since, so it is
// not restored.
func PromoteBackup(ctx context.Context, t *planwork.Tx, c *billing.Charge, paymentMethod string) error {
	follow, err := t.Dunning(ctx, c.ID)
	if errors.Is(err, billing.ErrNotFound) || err == nil && follow.CardID == "" {
		return nil
	}
	if err != nil {
		return err
	}
	card, err := t.Card(ctx, follow.CardID)
	if err != nil || card.PaymentMethod != paymentMethod || card.ID == t.Plan.CardID || card.CustomerID != t.Plan.CustomerID || !card.Chargeable() {
		return err
	}
	t.Plan.CardID = card.ID
	t.AuditCard(card, "card.moved", fmt.Sprintf("%s paid instead of the plan's card, and is charged from now on", card.Label()))
	return nil
}
