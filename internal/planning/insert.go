package planning

import (
	"context"
	"fmt"
	"time"

	"tranche/internal/billing"
	"tranche/internal/operator"
	"tranche/internal/terms"
)

// insert stores the plan and, if there is one, the attempt at the first payment in one transaction,
// before any call to Stripe.
func (p *Planner) insert(ctx context.Context, r Request, canonical []byte, proposed proposal, now time.Time) (billing.Plan, error) {
	made := build(billing.NewPlanID(now), r.Terms, canonical, proposed, now)
	description := made.plan.PaymentDescription(made.charges[0], len(made.charges))
	made.attempt = checkoutAttempt(r.Terms, description, proposed.stripe, &made.charges[0], 1, now)
	err := p.Store.Update(ctx, func(tx billing.Tx) error {
		stored := made
		if r.UpdateCustomer && !made.newCustomer {
			var err error
			if stored.customer.Version, err = p.updateCustomer(ctx, tx, made.customer, r.Terms, now); err != nil {
				return err
			}
		}
		if err := insertRows(ctx, tx, stored); err != nil {
			return err
		}
		if err := insertConsent(ctx, tx, r.Terms, made.plan, made.charges[0], now); err != nil {
			return err
		}
		if err := confirm(ctx, tx, p.Rules, made); err != nil {
			return err
		}
		if r.Key != "" {
			request := billing.Request{Key: r.Key, Fingerprint: fingerprint(canonical), PlanID: made.plan.ID, CreatedAt: now}
			if err := tx.InsertRequest(ctx, request); err != nil {
				return err
			}
		}
		return tx.InsertAudit(ctx, createdEntry(made.plan, made.charges, now))
	})
	return made.plan, err
}

// updateCustomer updates a known customer from the terms, and returns the version of its row.
// Errors: errors of operator.UpdateFromTerms; billing.ErrConflict if the customer was changed since
// the plan was drafted.
func (p *Planner) updateCustomer(ctx context.Context, tx billing.Tx, drafted billing.Customer, t terms.Terms, now time.Time) (int64, error) {
	stored, err := tx.Customer(ctx, drafted.ID)
	if err != nil {
		return 0, err
	}
	if stored.Version != drafted.Version {
		return 0, fmt.Errorf("customer %s: %w", drafted.ID, billing.ErrConflict)
	}
	if err := operator.UpdateFromTerms(ctx, tx, p.Rules, drafted.ID, t.Customer, now); err != nil {
		return 0, err
	}
	stored, err = tx.Customer(ctx, drafted.ID)
	return stored.Version, err
}

// insertRows stores the customer, a new card, the plan, its charges, and the attempt of a checkout.
func insertRows(ctx context.Context, tx billing.Tx, made rows) error {
	if err := saveCustomer(ctx, tx, made); err != nil {
		return err
	}
	if made.newCard {
		if err := tx.InsertCard(ctx, made.card); err != nil {
			return err
		}
	}
	if err := tx.InsertPlan(ctx, made.plan, made.charges); err != nil || !made.charges[0].Checkout {
		return err
	}
	return tx.InsertAttempt(ctx, made.attempt)
}

func saveCustomer(ctx context.Context, tx billing.Tx, made rows) error {
	if made.newCustomer {
		return tx.InsertCustomer(ctx, made.customer)
	}
	return tx.UpdateCustomer(ctx, made.customer)
}

// insertConsent stores the consent that the customer gave in the merchant's checkout. If a card is
// named, the consent is bound to it at once.
func insertConsent(ctx context.Context, tx billing.Tx, t terms.Terms, plan billing.Plan, first billing.Charge, now time.Time) error {
	if t.Consent == nil {
		return nil
	}
	if err := tx.InsertConsent(ctx, t.Consent.Row(plan, first.ID, now)); err != nil || plan.CardID == "" {
		return err
	}
	return tx.BindConsent(ctx, "", first.ID, plan.CardID)
}

// confirm adds the notice that confirms a plan on a saved card, which is active from the start.
// Other plans are confirmed by a worker when they become active.
func confirm(ctx context.Context, tx billing.Tx, rules billing.Rules, made rows) error {
	if !rules.Confirm || made.plan.Status != billing.PlanActive || made.customer.Email == "" {
		return nil
	}
	n := billing.Confirmation(made.plan, made.customer, made.charges, made.card)
	_, err := tx.InsertNotice(ctx, n)
	return err
}
