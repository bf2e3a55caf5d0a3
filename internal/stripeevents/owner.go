package stripeevents

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"tranche/internal/billing"
)

// foreign ignores an event about an object that belongs to another account than ctx acts for. The
// verdict is zero if all known objects belong to the account, or none is known. The metadata is
// checked as well, because the owner of a connected account can write any metadata.
func (w *Handler) foreign(ctx context.Context, s subject) (verdict, error) {
	account := billing.AccountOf(ctx)
	for _, find := range []func(*Handler, context.Context, subject) (owned, error){
		(*Handler).ownerOfPayment, (*Handler).ownerOfLabels, (*Handler).ownerOfSetup, (*Handler).ownerOfCard, (*Handler).ownerOfCustomer,
	} {
		o, err := find(w, ctx, s)
		if errors.Is(err, billing.ErrNotFound) {
			continue
		}
		if err != nil {
			return verdict{}, err
		}
		if !slices.Contains(o.accounts, account) {
			return ignored("%s belongs to %s, and the event is of %s", o.what, accountName(o.accounts[0]), accountName(account)), nil
		}
	}
	return verdict{}, nil
}

// owned is an object that an event names, and the accounts that have it. It has one account, except
// for a Stripe customer that the rows of several accounts name.
type owned struct {
	what     string
	accounts []string
}

// errNoOwner reports that the event does not name the object, or that the object is not known here.
var errNoOwner = fmt.Errorf("nothing is known of it: %w", billing.ErrNotFound)

// ownerOfPayment finds the account of the charge that a PaymentIntent belongs to, or that the
// PaymentIntent paid a second time.
func (w *Handler) ownerOfPayment(ctx context.Context, s subject) (owned, error) {
	if s.payment == "" {
		return owned{}, errNoOwner
	}
	c, err := w.Store.ChargeByPaymentIntent(ctx, s.payment)
	if errors.Is(err, billing.ErrNotFound) {
		c, err = w.Collect.ChargeOfDuplicate(ctx, s.payment)
	}
	if err != nil {
		return owned{}, err
	}
	return w.ownerOfPlan(ctx, "PaymentIntent "+s.payment, c.PlanID)
}

// ownerOfLabels finds the account of the charge that the object's metadata names, or the account of
// the plan if the metadata names no known charge.
func (w *Handler) ownerOfLabels(ctx context.Context, s subject) (owned, error) {
	if s.charge != "" {
		c, err := w.Store.Charge(ctx, s.charge)
		if err == nil {
			return w.ownerOfPlan(ctx, "charge "+string(c.ID), c.PlanID)
		}
		if !errors.Is(err, billing.ErrNotFound) {
			return owned{}, err
		}
	}
	if s.plan == "" {
		return owned{}, errNoOwner
	}
	return w.ownerOfPlan(ctx, "plan "+string(s.plan), s.plan)
}

// ownerOfSetup finds the account of the plan whose recovery page handed out a SetupIntent.
func (w *Handler) ownerOfSetup(ctx context.Context, s subject) (owned, error) {
	if s.setup == "" {
		return owned{}, errNoOwner
	}
	try, err := w.Store.LastCardTry(ctx, billing.CardTryFilter{Kind: billing.CardTrySetup, Intent: s.setup})
	if err != nil {
		return owned{}, err
	}
	link, err := w.Store.PayLinkByID(ctx, try.LinkID)
	if err != nil {
		return owned{}, err
	}
	return w.ownerOfPlan(ctx, "SetupIntent "+s.setup, link.PlanID)
}

func (w *Handler) ownerOfPlan(ctx context.Context, what string, id billing.PlanID) (owned, error) {
	plan, err := w.Store.Plan(ctx, id)
	return owned{what, []string{plan.Account}}, err
}

// ownerOfCard finds the account that a PaymentMethod is saved in.
func (w *Handler) ownerOfCard(ctx context.Context, s subject) (owned, error) {
	if s.card == "" {
		return owned{}, errNoOwner
	}
	card, err := w.Store.CardByPaymentMethod(ctx, s.card)
	return owned{"PaymentMethod " + s.card, []string{card.Account}}, err
}

// ownerOfCustomer finds the accounts of the rows that name a Stripe customer.
func (w *Handler) ownerOfCustomer(ctx context.Context, s subject) (owned, error) {
	if s.customer == "" {
		return owned{}, errNoOwner
	}
	customer, err := w.Store.CustomerByStripe(ctx, s.customer)
	if err != nil {
		return owned{}, err
	}
	cards, err := w.Store.Cards(ctx, customer.ID)
	if err != nil {
		return owned{}, err
	}
	o := owned{what: "Stripe customer " + s.customer}
	for _, at := range customer.AtStripe(cards) {
		if at.ID == s.customer {
			o.accounts = append(o.accounts, at.Account)
		}
	}
	if len(o.accounts) == 0 { // the customer was released between the two reads
		return o, errNoOwner
	}
	return o, nil
}

// accountName returns the name of a connected account, or a phrase for the platform's own (empty).
func accountName(account string) string {
	if account == "" {
		return "the platform's own account"
	}
	return account
}
