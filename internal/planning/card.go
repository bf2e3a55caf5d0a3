package planning

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"tranche/internal/billing"
	"tranche/internal/terms"
)

// cardDefault is the merchant's name for the customer's default card.
const cardDefault = "default"

// namedCard returns the card that the terms name, and whether it is new to the database. customer
// is completed from the terms, and stripeCustomer is its Stripe customer in the plan's account, if
// known. Errors: *billing.InvalidError with the reason why the card can't be charged,
// *billing.GatewayError, billing.ErrUnavailable.
func (p *Planner) namedCard(ctx context.Context, t terms.Terms, customer billing.Customer, stripeCustomer string, now time.Time) (card billing.Card, fresh bool, err error) {
	if t.Card == cardDefault {
		card, err = p.defaultCard(ctx, t, customer, now)
		return card, false, err
	}
	card, err = billing.FindCard(ctx, p.Store, t.Card)
	if errors.Is(err, billing.ErrNotFound) && strings.HasPrefix(t.Card, "pm_") {
		card, err = p.cardAtStripe(ctx, t.Card, t.Account, stripeCustomer, now)
		return card, true, err
	}
	if errors.Is(err, billing.ErrNotFound) || err == nil && card.CustomerID != customer.ID {
		return card, false, badCard("the customer has no card %s", t.Card)
	}
	if err == nil {
		err = chargeable(card, t.Account)
	}
	return card, false, err
}

func (p *Planner) defaultCard(ctx context.Context, t terms.Terms, customer billing.Customer, now time.Time) (billing.Card, error) {
	if customer.ID == "" {
		return billing.Card{}, badCard("the customer is new, and has no card yet: use a PaymentMethod at Stripe (pm_…)")
	}
	cards, err := p.Store.Cards(ctx, customer.ID)
	if err != nil {
		return billing.Card{}, err
	}
	inOrder := billing.CardsInOrder(cards, t.Account, now)
	if len(inOrder) == 0 {
		return billing.Card{}, badCard("the customer has no card that may be charged: leave the field out, and the customer enters a card in the checkout")
	}
	return inOrder[0], nil
}

// cardAtStripe returns a card that the merchant saved without Tranche in an account; empty for the
// platform's own. The card must be attached to the customer at Stripe already.
func (p *Planner) cardAtStripe(ctx context.Context, id, account, stripeCustomer string, now time.Time) (billing.Card, error) {
	pm, err := p.Gateway.PaymentMethod(ctx, id)
	switch {
	case errors.Is(err, billing.ErrNotFound):
		return billing.Card{}, badCard("Stripe has no PaymentMethod %s", id)
	case err != nil:
		return billing.Card{}, fmt.Errorf("fetch PaymentMethod %s: %w", id, err)
	case pm.Type != "" && pm.Type != "card":
		return billing.Card{}, badCard("%s is a %s, not a card", id, pm.Type)
	case pm.Customer == "":
		return billing.Card{}, badCard("%s is attached to no Stripe customer, so it can't be charged later", id)
	}
	// A stored Stripe customer that does not exist is replaced with the card's: see Planner.addCard.
	other := stripeCustomer != "" && pm.Customer != stripeCustomer
	if other {
		if other, err = p.exists(ctx, stripeCustomer); err != nil {
			return billing.Card{}, err
		}
	}
	if other {
		return billing.Card{}, badCard("%s is attached to Stripe customer %s, but the plan's customer is %s", id, pm.Customer, stripeCustomer)
	}
	return billing.Card{
		ID: billing.NewCardID(now), PaymentMethod: pm.ID, Account: account, StripeCustomer: pm.Customer, Brand: pm.Brand, Last4: pm.Last4, ExpMonth: pm.ExpMonth,
		ExpYear: pm.ExpYear, Fingerprint: pm.Fingerprint, Status: billing.CardActive, CreatedAt: now, UpdatedAt: now,
	}, nil
}

// chargeable returns why a customer's card can't be charged for a plan of the account; nil when it
// can.
func chargeable(card billing.Card, account string) error {
	if why := card.Unusable(account); why != "" {
		return badCard("%s", why)
	}
	return nil
}

func badCard(format string, args ...any) error {
	return &billing.InvalidError{Fields: []billing.FieldError{{Field: "card", Message: fmt.Sprintf(format, args...)}}}
}
