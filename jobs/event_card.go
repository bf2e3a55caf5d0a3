package jobs

import (
	"context"
	"errors"
	"fmt"

	"tranche/internal/billing"
)

// handlePaymentMethod brings our copy of a card in line with Stripe's: attached, detached, or renewed by the network.
func (w *Worker) handlePaymentMethod(ctx context.Context, e billing.Event) (verdict, error) {
	pm, err := w.Gateway.PaymentMethod(ctx, e.ObjectID)
	if errors.Is(err, billing.ErrNotFound) {
		pm, err = billing.PaymentMethod{ID: e.ObjectID}, nil // gone is as good as detached
	}
	if err != nil {
		return verdict{}, err
	}
	v := handled
	before, err := w.Store.CardByPaymentMethod(ctx, pm.ID)
	known := err == nil
	err = w.Store.Update(ctx, func(tx billing.Tx) error {
		v, err = w.syncCard(ctx, tx, pm)
		return err
	})
	if err != nil {
		return v, err
	}
	return v, w.afterCard(ctx, known, before, pm)
}

// afterCard does what follows from a card that came or changed, for every plan that it is charged for.
func (w *Worker) afterCard(ctx context.Context, known bool, before billing.Card, pm billing.PaymentMethod) error {
	card, err := w.Store.CardByPaymentMethod(ctx, pm.ID)
	switch {
	case errors.Is(err, billing.ErrNotFound):
		return nil
	case err != nil:
		return err
	case known && card.Chargeable() && renewed(before, pm):
		err = w.tryRenewed(ctx, before)
	}
	if err != nil {
		return err
	}
	return w.foldCards(ctx, card.CustomerID)
}

func (w *Worker) syncCard(ctx context.Context, tx billing.Tx, pm billing.PaymentMethod) (verdict, error) {
	now := w.Clock.Now()
	card, err := tx.CardByPaymentMethod(ctx, pm.ID)
	switch {
	case err == nil:
		owner, err := tx.Customer(ctx, card.CustomerID)
		if err != nil || !owner.ErasedAt.IsZero() {
			return ignored("the customer's data was removed on request"), err
		}
		if card.Account != billing.AccountOf(ctx) { // there it was looked for, and not where it is
			return ignored("PaymentMethod %s is saved in another account", pm.ID), nil
		}
		return handled, w.updateCard(ctx, tx, card, pm)
	case !errors.Is(err, billing.ErrNotFound):
		return verdict{}, err
	case pm.Customer == "":
		return ignored("PaymentMethod %s is not attached to a customer", pm.ID), nil
	case pm.Type != "" && pm.Type != "card":
		return ignored("PaymentMethod %s is not a card", pm.ID), nil
	}
	owner, err := tx.CustomerByStripe(ctx, pm.Customer)
	if errors.Is(err, billing.ErrNotFound) {
		return ignored("Stripe customer %s is no customer of a plan", pm.Customer), nil
	}
	if err != nil {
		return verdict{}, err
	}
	if !owner.ErasedAt.IsZero() {
		return ignored("the customer's data was removed on request"), nil
	}
	_, err = upsertCard(ctx, tx, owner.ID, billing.AccountOf(ctx), pm, now)
	return handled, err
}

func (w *Worker) updateCard(ctx context.Context, tx billing.Tx, card billing.Card, pm billing.PaymentMethod) error {
	if pm.Customer == "" { // a detached card keeps its particulars: the ledger names it
		return billing.DetachCard(ctx, tx, card, "it was removed from the customer at Stripe", w.Clock.Now())
	}
	after, err := upsertCard(ctx, tx, card.CustomerID, card.Account, pm, w.Clock.Now())
	if err != nil || after.Hold == card.Hold {
		return err
	}
	return tx.InsertAudit(ctx, billing.AuditEntry{
		At: w.Clock.Now(), Actor: billing.ActorStripe, Action: "card.held", CustomerID: card.CustomerID, CardID: card.ID,
		Message: fmt.Sprintf("%s card ending %s is not charged until the customer agrees: %s", after.Brand, after.Last4, after.Hold),
		Next:    "what falls due asks the customer for a card; release the card when they have agreed to it",
	})
}

// handleCustomerDeleted lets go of a Stripe customer that was deleted; Stripe detaches its cards.
func (w *Worker) handleCustomerDeleted(ctx context.Context, e billing.Event) (verdict, error) {
	exists, err := w.Gateway.CustomerExists(ctx, e.ObjectID)
	if err != nil {
		return verdict{}, err
	}
	if exists {
		return ignored("Stripe customer %s exists", e.ObjectID), nil
	}
	v := handled
	err = w.Store.Update(ctx, func(tx billing.Tx) error {
		customer, err := tx.CustomerByStripe(ctx, e.ObjectID)
		if errors.Is(err, billing.ErrNotFound) {
			v = ignored("Stripe customer %s is no customer of a plan", e.ObjectID)
			return nil
		}
		if err != nil {
			return err
		}
		return w.customerGone(ctx, tx, customer, e)
	})
	return v, err
}

// customerGone detaches the cards of a Stripe customer that was deleted in the account of the event.
func (w *Worker) customerGone(ctx context.Context, tx billing.Tx, customer billing.Customer, e billing.Event) error {
	if e.Account == "" && customer.StripeCustomer == e.ObjectID {
		customer.StripeCustomer, customer.UpdatedAt = "", w.Clock.Now()
		if err := tx.UpdateCustomer(ctx, customer); err != nil {
			return err
		}
	}
	return billing.DetachCardsOf(ctx, tx, customer.ID, e.Account, e.ObjectID, w.Clock.Now())
}

// handleSetupIntent saves a card that the customer set up without paying, and lets the customer's plans use it.
func (w *Worker) handleSetupIntent(ctx context.Context, e billing.Event) (verdict, error) {
	si, err := w.Gateway.SetupIntent(ctx, e.ObjectID)
	if errors.Is(err, billing.ErrNotFound) {
		return ignored("Stripe has no SetupIntent %s", e.ObjectID), nil
	}
	if err != nil {
		return verdict{}, err
	}
	if si.Status != billing.IntentSucceeded || si.PaymentMethod == "" {
		return ignored("the SetupIntent is %s", si.Status), nil
	}
	if plan, own, err := w.planOfSetup(ctx, si); err != nil || own {
		if err != nil {
			return verdict{}, err
		}
		return w.setUpPlan(ctx, si, plan)
	}
	customer, err := w.setupCustomer(ctx, si)
	if errors.Is(err, billing.ErrNotFound) {
		return ignored("SetupIntent %s is for no customer of a plan", si.ID), nil
	}
	if err != nil || !customer.ErasedAt.IsZero() {
		return ignored("the customer's data was removed on request"), err
	}
	if err := w.giveCard(ctx, customer, si.PaymentMethod, si.ID); err != nil {
		return verdict{}, err
	}
	return handled, w.Store.Update(ctx, func(tx billing.Tx) error { return bindConsent(ctx, tx, si.PaymentMethod, si.ID, "") })
}

// giveCard saves a card and lets every plan of the customer in the same account that is not over use it. cause is the set-up that gave it.
func (w *Worker) giveCard(ctx context.Context, customer billing.Customer, paymentMethod, cause string) error {
	saved, err := w.attach(ctx, customer, paymentMethod)
	if err != nil {
		return err
	}
	saved.cause = cause
	plans, err := w.Store.Plans(ctx, billing.PlanFilter{Customer: customer.ID})
	if err != nil {
		return err
	}
	for _, p := range plans {
		if p.Status == billing.PlanCompleted || p.Status == billing.PlanCanceled || p.Account != saved.account {
			continue
		}
		err := w.inPlan(ctx, p.ID, func(t *planTx) error {
			if err := t.useCard(ctx, *saved); err != nil || saved.problem != "" {
				return err
			}
			return t.tryNewCard(ctx)
		})
		if err != nil {
			return err
		}
	}
	return w.foldCards(ctx, customer.ID)
}

func (w *Worker) setupCustomer(ctx context.Context, si billing.SetupIntent) (billing.Customer, error) {
	if reference := si.Metadata[billing.MetaCustomer]; reference != "" {
		return w.Store.CustomerByReference(ctx, reference)
	}
	if si.Customer == "" {
		return billing.Customer{}, fmt.Errorf("SetupIntent %s has no customer: %w", si.ID, billing.ErrNotFound)
	}
	return w.Store.CustomerByStripe(ctx, si.Customer)
}
