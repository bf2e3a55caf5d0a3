package cards

import (
	"context"
	"errors"
	"time"

	"tranche/internal/billing"
	"tranche/internal/followup"
	"tranche/internal/planwork"
)

// payingTime is the real time that a customer may take to confirm several payments one after
// another, each with authentication at the bank.
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

// TryUnpaid makes the plan's unpaid charges due on the card that the customer has just given, if
// the policy allows it. Later charges use the card in any case. paying is set if the customer has
// just paid a charge of the plan, and may be about to pay others: those are left to the customer
// for ten minutes. Errors: the transaction's.
func TryUnpaid(ctx context.Context, t *planwork.Tx, paying bool) error {
	n := billing.NewCard{Actor: billing.ActorCustomer, Why: "the customer entered a new card", Now: t.Now}
	n.KeepsTime = func(ctx context.Context, d billing.Dunning) (bool, error) { return keepsTime(ctx, t, d) }
	if paying {
		n.NotBefore = func(ctx context.Context, c *billing.Charge) (time.Time, error) { return leftToCustomer(ctx, t, c) }
	}
	_, err := t.TryCard(ctx, n)
	return err
}

// MoveToCard makes a plan charge a card that the customer gave, and tries the unpaid charges on it.
// A plan that has ended, does not exist, or belongs to another customer or account than the card,
// stays as it is. Errors: billing.ErrConflict; billing.ErrUnavailable.
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

// keepsTime reports whether the policy keeps a planned retry at its time after the customer gave a
// new card.
func keepsTime(ctx context.Context, t *planwork.Tx, d billing.Dunning) (bool, error) {
	policy, err := followup.PolicyOf(ctx, t, d)
	return !policy.RetryNewCard, err
}
