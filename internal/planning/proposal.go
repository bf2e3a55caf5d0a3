package planning

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tranche/internal/billing"
	"tranche/internal/stripecustomer"
	"tranche/internal/terms"
)

// proposal is a plan that is not stored yet.
type proposal struct {
	terms.Draft
	customer billing.Customer // completed from the terms; without an id when new
	stripe   string           // the Stripe customer in the plan's account (cus_…); empty when unknown
	card     billing.Card     // named by the terms; zero when they name none
	newCard  bool             // the card is not in the database yet
	gone     string           // the stored Stripe customer, if it differs and does not exist at Stripe; else empty
}

// proposeToStore drafts a plan that is about to be stored. If the stored Stripe customer turns out
// not to exist, proposeToStore removes it first. Errors: errors of propose and of
// stripecustomer.Unknown; billing.ErrConflict if Stripe has the customer after all.
func (p *Planner) proposeToStore(ctx context.Context, t terms.Terms, d differences, at time.Time) (proposal, error) {
	for {
		proposed, err := p.propose(ctx, t, d, at)
		if err != nil || proposed.gone == "" {
			return proposed, err
		}
		left, err := p.unknown().Leave(ctx, stripecustomer.Named{Customer: proposed.customer.ID, StripeCustomer: proposed.gone, Account: t.Account})
		if err == nil && !left {
			err = fmt.Errorf("Stripe customer %s: %w", proposed.gone, billing.ErrConflict)
		}
		if err != nil {
			return proposed, err
		}
	}
}

// propose drafts a plan: it completes the terms with the stored data of the customer, calculates
// the charges and finds the named card. Faults of the terms are reported first, and only then
// customer data that differs from the stored data.
func (p *Planner) propose(ctx context.Context, t terms.Terms, d differences, at time.Time) (proposal, error) {
	var out proposal
	stored, err := p.Store.CustomerByReference(ctx, t.Customer.Reference)
	if err != nil && !errors.Is(err, billing.ErrNotFound) {
		return out, err
	}
	out.customer = p.completeCustomer(stored, t.Customer, d)
	if out.Draft, err = p.draftCharges(t, out.customer.TimeZone, at); err != nil {
		return out, err
	}
	if out.stripe, out.gone, err = p.stripeCustomer(ctx, t, out.customer); err != nil {
		return out, err
	}
	if err := p.addCard(ctx, t, at, &out); err != nil {
		return out, err
	}
	if t.Account == "" {
		out.customer.StripeCustomer = out.stripe
	}
	if d == refuseDifferences {
		err = checkDifferences(stored, t.Customer)
	}
	return out, err
}

// draftCharges calculates the charges, with dates in the customer's time zone.
func (p *Planner) draftCharges(t terms.Terms, zone string, at time.Time) (terms.Draft, error) {
	t.Customer.TimeZone = zone
	draft, err := t.Draft(at, p.Rules)
	return draft, p.checkPolicy(t, err)
}

// addCard finds the card that the terms name, and takes over the card's Stripe customer if the
// customer has none or one that does not exist.
func (p *Planner) addCard(ctx context.Context, t terms.Terms, at time.Time, out *proposal) (err error) {
	if t.Card == "" {
		return nil
	}
	if out.card, out.newCard, err = p.namedCard(ctx, t, out.customer, out.stripe, at); err != nil {
		return err
	}
	if out.newCard && out.stripe != "" && out.stripe != out.card.StripeCustomer { // see cardAtStripe
		out.gone = out.stripe
	}
	if out.stripe == "" || out.gone != "" {
		out.stripe = out.card.StripeCustomer
	}
	return nil
}
