package jobs

import (
	"context"
	"errors"
	"fmt"

	"tranche/internal/billing"
)

// fetchCard fetches a PaymentMethod from Stripe.
func (w *Worker) fetchCard(ctx context.Context, s subject) (subject, error) {
	pm, err := w.Gateway.PaymentMethod(ctx, s.card)
	if errors.Is(err, billing.ErrNotFound) {
		return s, notHere("PaymentMethod", s.card)
	}
	s.paymentMethod, s.customer = pm, pm.Customer
	return s, err
}

// handlePaymentMethod updates our copy of a card from Stripe after the card was attached, detached,
// or renewed by the network.
func (w *Worker) handlePaymentMethod(ctx context.Context, _ billing.Event, about subject) (verdict, error) {
	return w.followCard(ctx, about.paymentMethod)
}

// followCard updates our copy of a card from Stripe.
func (w *Worker) followCard(ctx context.Context, pm billing.PaymentMethod) (verdict, error) {
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

// afterCard does the work that follows from a new or changed card, in every plan that charges it.
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
	return w.mergeDuplicates(ctx, card.CustomerID)
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
		return unknownYet(pm.Customer, "Stripe customer %s has no plan", pm.Customer), nil
	}
	if err != nil {
		return verdict{}, err
	}
	if !owner.ErasedAt.IsZero() {
		return ignored("the customer's data was removed on request"), nil
	}
	_, err = upsertCard(ctx, tx, owner.ID, savedCard{method: pm, account: billing.AccountOf(ctx)}, now)
	return handled, err
}

func (w *Worker) updateCard(ctx context.Context, tx billing.Tx, card billing.Card, pm billing.PaymentMethod) error {
	if pm.Customer == "" { // a detached card keeps its details, because the ledger names it
		return billing.DetachCard(ctx, tx, card, "it was removed from the customer at Stripe", w.Clock.Now())
	}
	after, err := upsertCard(ctx, tx, card.CustomerID, savedCard{method: pm, account: card.Account}, w.Clock.Now())
	if err != nil || after.Hold == card.Hold {
		return err
	}
	return tx.InsertAudit(ctx, billing.AuditEntry{
		At: w.Clock.Now(), Actor: billing.ActorStripe, Action: "card.held", CustomerID: card.CustomerID, CardID: card.ID,
		Message: fmt.Sprintf("%s is not charged until the customer agrees: %s", after.Label(), after.Hold),
		Next:    "charges that fall due ask the customer for a card; release the card once the customer has agreed to it",
	})
}

// handleCustomerDeleted releases a Stripe customer that was deleted; Stripe detaches its cards.
func (w *Worker) handleCustomerDeleted(ctx context.Context, e billing.Event, _ subject) (verdict, error) {
	exists, err := w.Gateway.CustomerExists(ctx, e.ObjectID)
	if err != nil {
		return verdict{}, err
	}
	if exists {
		return ignored("Stripe customer %s exists", e.ObjectID), nil
	}
	if err := w.cardsAreHere(ctx, e); err != nil {
		return verdict{}, err
	}
	v := handled
	err = w.Store.Update(ctx, func(tx billing.Tx) error {
		customer, err := tx.CustomerByStripe(ctx, e.ObjectID)
		if errors.Is(err, billing.ErrNotFound) {
			v = ignored("Stripe customer %s has no plan", e.ObjectID)
			return nil
		}
		if err != nil {
			return err
		}
		return w.customerGone(ctx, tx, customer, e)
	})
	return v, err
}

// cardsAreHere fails if Stripe does not have the card of a customer that it reports as deleted. The
// PaymentMethods of a deleted customer can still be fetched, so the key belongs to another account.
func (w *Worker) cardsAreHere(ctx context.Context, e billing.Event) error {
	customer, err := w.Store.CustomerByStripe(ctx, e.ObjectID)
	if errors.Is(err, billing.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	cards, err := w.Store.Cards(ctx, customer.ID)
	if err != nil {
		return err
	}
	for _, c := range cards {
		if c.StripeCustomer != e.ObjectID || c.Account != e.Account {
			continue
		}
		if _, err := w.Gateway.PaymentMethod(ctx, c.PaymentMethod); errors.Is(err, billing.ErrNotFound) {
			return notHere("PaymentMethod", c.PaymentMethod)
		}
		return nil
	}
	return nil
}

// customerGone detaches the cards of a Stripe customer that was deleted in the event's account.
func (w *Worker) customerGone(ctx context.Context, tx billing.Tx, customer billing.Customer, e billing.Event) error {
	return billing.LeaveStripeCustomer(ctx, tx, customer, e.Account, e.ObjectID, w.Clock.Now())
}

// fetchSetup asks Stripe for a SetupIntent.
func (w *Worker) fetchSetup(ctx context.Context, s subject) (subject, error) {
	si, err := w.Gateway.SetupIntent(ctx, s.setup)
	if errors.Is(err, billing.ErrNotFound) {
		return s, notHere("SetupIntent", s.setup)
	}
	s.setupIntent, s.card, s.customer = si, si.PaymentMethod, si.Customer
	return s.labeled(si.Metadata), err
}

// handleSetupIntent saves a card that the customer set up without a payment, and lets the
// customer's plans use it.
func (w *Worker) handleSetupIntent(ctx context.Context, _ billing.Event, about subject) (verdict, error) {
	si := about.setupIntent
	if si.Status != billing.IntentSucceeded || si.PaymentMethod == "" {
		return ignored("the SetupIntent is %s", si.Status), nil
	}
	if plan, own, err := w.planOfSetup(ctx, si); err != nil || own {
		if err != nil {
			return verdict{}, err
		}
		return w.setUpPlan(ctx, si, plan)
	}
	return w.cardGiven(ctx, si)
}

// cardGiven saves the card of a SetupIntent that carries Tranche's metadata. It makes these plans
// charge the card: those that the consent lists, or else the plan that the metadata names. If the
// metadata holds only the customer's reference, the merchant assigns the card to all of the
// customer's plans. Any other SetupIntent belongs to another system of the merchant: its card is
// recorded, but no plan charges it.
func (w *Worker) cardGiven(ctx context.Context, si billing.SetupIntent) (verdict, error) {
	reference := si.Metadata[billing.MetaCustomer]
	if reference == "" {
		about, err := w.fetchCard(ctx, subject{card: si.PaymentMethod})
		if err != nil {
			return verdict{}, err
		}
		return w.followCard(ctx, about.paymentMethod)
	}
	customer, err := w.Store.CustomerByReference(ctx, reference)
	if errors.Is(err, billing.ErrNotFound) {
		return unknownYet(billing.AwaitsCustomer(reference), "SetupIntent %s is for customer %s, who has no plan", si.ID, reference), nil
	}
	if err != nil || !customer.ErasedAt.IsZero() {
		return ignored("the customer's data was removed on request"), err
	}
	saved, err := w.attach(ctx, customer, si.PaymentMethod, cause{intent: si.ID, createdAt: si.CreatedAt})
	if err != nil {
		return verdict{}, err
	}
	plans, err := w.plansOfSetup(ctx, customer, si)
	if err != nil {
		return verdict{}, err
	}
	for _, id := range plans {
		if err := w.moveToCard(ctx, id, customer.ID, *saved); err != nil {
			return verdict{}, err
		}
	}
	if err := w.mergeDuplicates(ctx, customer.ID); err != nil {
		return verdict{}, err
	}
	return handled, w.Store.Update(ctx, func(tx billing.Tx) error { return bindConsent(ctx, tx, si.PaymentMethod, si.ID, "") })
}

// plansOfSetup lists the plans that the card of a SetupIntent is for.
func (w *Worker) plansOfSetup(ctx context.Context, customer billing.Customer, si billing.SetupIntent) ([]billing.PlanID, error) {
	plans, err := plansOfCard(ctx, w.Store, si.ID, billing.PlanID(si.Metadata[billing.MetaPlan]))
	if err != nil || len(plans) > 0 {
		return plans, err
	}
	open, err := billing.OpenPlans(ctx, w.Store, customer.ID)
	for _, p := range open {
		plans = append(plans, p.ID)
	}
	return plans, err
}
