package jobs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"tranche/internal/billing"
)

// savedCard is a card attached to a Stripe customer, ready to be written.
type savedCard struct {
	method  billing.PaymentMethod
	problem string // why it can't be charged later; empty if it can
	cause   string // the PaymentIntent or SetupIntent with which the customer gave the card
	account string // the connected account that the card is saved in; empty for the platform's own
	own     bool   // see billing.Card.Own
}

// cardToSave makes the card that paid a charge chargeable later, at Stripe, and returns it. It
// returns nil if the plan has the card already, or if an attempt by Tranche paid with it. A card
// that can't be saved does not prevent the payment from being recorded.
func (w *Worker) cardToSave(ctx context.Context, charge billing.Charge, pi billing.PaymentIntent) (*savedCard, error) {
	plan, err := w.Store.Plan(ctx, charge.PlanID)
	switch {
	case err != nil:
		return nil, err
	case pi.PaymentMethod == "" && plan.CardID == "":
		return &savedCard{problem: "Stripe does not name the card", cause: pi.ID}, nil
	case pi.PaymentMethod == "":
		return nil, nil
	}
	if known, err := w.nothingToSave(ctx, charge, plan, pi.PaymentMethod); err != nil || known {
		return nil, err
	}
	customer, err := w.Store.Customer(ctx, plan.CustomerID)
	if err != nil {
		return nil, err
	}
	if !customer.ErasedAt.IsZero() {
		return &savedCard{problem: "the customer's data was removed on request"}, nil
	}
	return w.attach(ctx, customer, pi.PaymentMethod, cause{intent: pi.ID, createdAt: pi.CreatedAt})
}

// nothingToSave reports whether an attempt by Tranche paid with the card, or the plan has it
// already.
func (w *Worker) nothingToSave(ctx context.Context, charge billing.Charge, plan billing.Plan, paymentMethod string) (bool, error) {
	attempts, err := w.Store.Attempts(ctx, charge.ID)
	if err != nil || chargedByUs(attempts, paymentMethod) {
		return err == nil, err
	}
	card, err := w.Store.CardByPaymentMethod(ctx, paymentMethod)
	if errors.Is(err, billing.ErrNotFound) {
		return false, nil
	}
	return err == nil && keptAs(card, plan), err
}

// keptAs reports whether a card is the plan's already or was removed meanwhile. A payment with a
// removed card does not save the card again.
func keptAs(card billing.Card, plan billing.Plan) bool {
	return card.ID == plan.CardID || !card.RemovedAt.IsZero()
}

// cause is the PaymentIntent or SetupIntent, with Tranche's metadata, with which the customer gave
// a card.
type cause struct {
	intent    string
	createdAt time.Time
}

// entered reports whether the customer entered the card for this intent. An older PaymentMethod
// existed before, so another system of the merchant may charge it.
func (c cause) entered(pm billing.PaymentMethod) bool {
	return !pm.CreatedAt.IsZero() && !c.createdAt.IsZero() && !pm.CreatedAt.Before(c.createdAt)
}

// attach saves a card at Stripe. A card that is attached already stays as it is, which also covers
// a lost answer.
func (w *Worker) attach(ctx context.Context, customer billing.Customer, paymentMethod string, from cause) (*savedCard, error) {
	saved, err := w.attachCard(ctx, customer, paymentMethod, from)
	if saved != nil {
		saved.cause = from.intent
	}
	return saved, err
}

func (w *Worker) attachCard(ctx context.Context, customer billing.Customer, paymentMethod string, from cause) (*savedCard, error) {
	pm, err := w.Gateway.PaymentMethod(ctx, paymentMethod)
	switch {
	case errors.Is(err, billing.ErrNotFound):
		return &savedCard{method: pm, problem: "Stripe has no PaymentMethod " + paymentMethod}, nil
	case err != nil:
		return nil, err
	case pm.Type != "" && pm.Type != "card":
		return &savedCard{method: pm, problem: "it is a " + spoken(pm.Type) + ", not a card"}, nil
	case pm.Customer != "":
		return &savedCard{method: pm, account: billing.AccountOf(ctx), own: from.entered(pm)}, nil
	}
	pm.Customer, err = w.attachTo(ctx, customer, paymentMethod)
	var ge *billing.GatewayError
	if errors.As(err, &ge) && !ge.Resend() {
		return &savedCard{method: pm, problem: "Stripe would not attach it: " + ge.Failure.Message}, nil
	}
	return &savedCard{method: pm, account: billing.AccountOf(ctx), own: true}, err
}

// attachTo attaches a card to the customer's Stripe customer and returns the Stripe customer. If
// none exists (any more), it creates one with the card. A successful call counts as proof that the
// card is attached, because not every server repeats the customer in its answer.
func (w *Worker) attachTo(ctx context.Context, customer billing.Customer, paymentMethod string) (string, error) {
	known, err := billing.StripeCustomerIn(ctx, w.Store, customer, billing.AccountOf(ctx))
	if err != nil {
		return "", err
	}
	if known != "" {
		err := w.attachOnce(ctx, paymentMethod, known)
		if !errors.Is(err, billing.ErrNotFound) {
			return known, err
		}
	}
	made, err := w.createCustomer(ctx, customer, paymentMethod)
	if err != nil {
		return "", err
	}
	// Later charges depend on the attachment, so it is checked at once.
	pm, err := w.Gateway.PaymentMethod(ctx, paymentMethod)
	if err == nil && pm.Customer == "" {
		err = w.attachOnce(ctx, paymentMethod, made)
	}
	return made, err
}

// attachOnce attaches a card to a Stripe customer.
func (w *Worker) attachOnce(ctx context.Context, paymentMethod, stripeCustomer string) error {
	return billing.UnderKey("attach-"+paymentMethod+"-"+stripeCustomer, func(key string) error {
		_, err := w.Gateway.AttachPaymentMethod(ctx, key, paymentMethod, stripeCustomer)
		return err
	})
}

// createCustomer creates a Stripe customer with a card. If Stripe failed to carry out the call, a
// customer may have been created anyway. The card shows it, because a card belongs to at most one
// customer.
func (w *Worker) createCustomer(ctx context.Context, customer billing.Customer, paymentMethod string) (made string, err error) {
	first := "customer-" + string(customer.ID) + "-" + paymentMethod
	err = billing.UnderKey(first, func(key string) error {
		if key != first {
			pm, err := w.Gateway.PaymentMethod(ctx, paymentMethod)
			if made = pm.Customer; err != nil || made != "" {
				return err
			}
		}
		var err error
		made, err = w.Gateway.CreateCustomer(ctx, key, billing.CustomerParams{
			PaymentMethod: paymentMethod, Email: customer.Email, Name: customer.Name,
			Metadata: map[string]string{billing.MetaCustomer: customer.Reference},
		})
		return err
	})
	return made, err
}

// useCard writes a saved card and makes it the card for the plan's later charges.
func (t *planTx) useCard(ctx context.Context, s savedCard) error {
	if s.problem != "" {
		t.auditPlan("card.not_saved", "the card that paid can't be charged later: "+s.problem, "the next charge will ask the customer for a card")
		return t.cardMissing(ctx, s)
	}
	card, err := upsertCard(ctx, t.Tx, t.customer.ID, s, t.now)
	if err != nil {
		return err
	}
	if s.account == "" && t.customer.StripeCustomer != s.method.Customer {
		t.customer.StripeCustomer, t.customer.UpdatedAt = s.method.Customer, t.now
		if err := t.UpdateCustomer(ctx, t.customer); err != nil {
			return err
		}
		t.customer.Version++
	}
	if card.Hold != "" { // the customer has just used it, and so agreed to it
		card.Hold = ""
		if err := t.UpdateCard(ctx, card); err != nil {
			return err
		}
	}
	if t.plan.CardID != card.ID {
		t.plan.CardID = card.ID
		t.auditCard(card, "card.saved", fmt.Sprintf("%s is saved for the later charges", card.Label()))
		if t.before.CardID != "" {
			t.cardGiven(s.cause)
		}
	}
	return nil
}

// cardMissing opens an incident for a plan that has charges to come and no card, and asks the
// customer for a card. Otherwise the merchant and the customer would learn of it only when the next
// charge falls due. A plan that has a card keeps it.
func (t *planTx) cardMissing(ctx context.Context, s savedCard) error {
	toCome := !t.plan.Recurrence.IsZero() || slices.ContainsFunc(t.charges, func(c billing.Charge) bool { return !c.Checkout && !c.Status.Ended() })
	if t.plan.CardID != "" || !t.plan.Status.Open() || !toCome || !t.customer.ErasedAt.IsZero() {
		return nil
	}
	_, err := t.OpenIncident(ctx, billing.Incident{
		Kind: billing.IncidentCardMissing, Subject: string(t.plan.ID), PlanID: t.plan.ID, CustomerID: t.customer.ID, Account: t.plan.Account,
		Detail: fmt.Sprintf("plan %s has no card that can be charged: %s", t.plan.Reference, s.problem), OpenedAt: t.now,
	})
	t.requestCard(s.cause)
	return err
}

// cardNeeded enqueues the notice that asks for a card, once for the payment that left the plan
// without one.
func (t *planTx) cardNeeded(ctx context.Context) error {
	if t.askForCard == "" || t.plan.CardID != "" || !t.plan.Status.Collects() {
		return nil
	}
	n := t.draft(billing.NoticeCardNeeded, string(billing.NoticeCardNeeded)+":"+string(t.plan.ID)+":"+t.askForCard)
	n.Data.Following, n.Data.FollowingDue = t.following(0)
	n.Data.Amount, n.Data.DueAt = n.Data.Following, n.Data.FollowingDue
	return t.enqueueNotice(ctx, n)
}

// holdFor returns why a card is not charged: the customer agreed to a card of another brand, whose
// terms may differ.
func holdFor(card billing.Card, pm billing.PaymentMethod) string {
	if card.Status != billing.CardActive || card.Brand == "" || pm.Brand == card.Brand {
		return card.Hold
	}
	return fmt.Sprintf("its network replaced the %s card by a %s card", card.Brand, pm.Brand)
}

// upsertCard writes Stripe's data of a card that is saved in an account.
func upsertCard(ctx context.Context, tx billing.Tx, owner billing.CustomerID, s savedCard, now time.Time) (billing.Card, error) {
	pm := s.method
	card, err := tx.CardByPaymentMethod(ctx, pm.ID)
	fresh := errors.Is(err, billing.ErrNotFound)
	if err != nil && !fresh {
		return card, err
	}
	if fresh {
		card = billing.Card{ID: billing.NewCardID(now), CustomerID: owner, PaymentMethod: pm.ID, Account: s.account, Status: billing.CardActive, CreatedAt: now}
	}
	if !fresh {
		// The card is read again under the lock of the customer's cards, so that a concurrent change by
		// an operator is not overwritten.
		if card, err = lockCard(ctx, tx, card); err != nil {
			return card, err
		}
		card.Hold = holdFor(card, pm)
	}
	card.Own = card.Own || s.own
	card.StripeCustomer, card.Brand, card.Last4 = pm.Customer, pm.Brand, pm.Last4
	card.ExpMonth, card.ExpYear, card.Fingerprint, card.UpdatedAt = pm.ExpMonth, pm.ExpYear, pm.Fingerprint, now
	switch {
	case pm.Customer == "":
		card.Status = billing.CardDetached
	case card.Status == billing.CardDetached && card.RemovedAt.IsZero(): // otherwise it was removed here, permanently
		card.Status = billing.CardActive
	}
	if !fresh {
		return card, tx.UpdateCard(ctx, card)
	}
	err = tx.InsertCard(ctx, card)
	if errors.Is(err, billing.ErrExists) { // another event about the same card came first
		return tx.CardByPaymentMethod(ctx, pm.ID)
	}
	return card, err
}
