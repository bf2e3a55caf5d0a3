package stripeevents

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"tranche/internal/billing"
	"tranche/internal/collect"
)

// owners finds the Stripe accounts that own what an event names.
type owners struct{ store billing.Store }

// foreign ignores an event about an object that belongs to another account than ctx acts for. The
// verdict is zero if all known objects belong to the account, or none is known. The metadata is
// checked as well, because the owner of a connected account can write any metadata.
func (f owners) foreign(ctx context.Context, s subject) (verdict, error) {
	account := billing.AccountOf(ctx)
	for _, find := range []func(owners, context.Context, subject) (owned, error){
		owners.ofPayment, owners.ofLabels, owners.ofSetup, owners.ofCard, owners.ofCustomer,
	} {
		o, err := find(f, ctx, s)
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

// ofPayment finds the account of the charge that a PaymentIntent belongs to, or that the
// PaymentIntent paid a second time.
func (f owners) ofPayment(ctx context.Context, s subject) (owned, error) {
	if s.payment == "" {
		return owned{}, errNoOwner
	}
	c, err := f.store.ChargeByPaymentIntent(ctx, s.payment)
	if errors.Is(err, billing.ErrNotFound) {
		c, err = collect.ChargePaidTwiceBy(ctx, f.store, s.payment)
	}
	if err != nil {
		return owned{}, err
	}
	return f.ofPlan(ctx, "PaymentIntent "+s.payment, c.PlanID)
}

// ofLabels finds the account of the charge that the object's metadata names, or the account of
// the plan if the metadata names no known charge.
func (f owners) ofLabels(ctx context.Context, s subject) (owned, error) {
	if s.charge != "" {
		c, err := f.store.Charge(ctx, s.charge)
		if err == nil {
			return f.ofPlan(ctx, "charge "+string(c.ID), c.PlanID)
		}
		if !errors.Is(err, billing.ErrNotFound) {
			return owned{}, err
		}
	}
	if s.plan == "" {
		return owned{}, errNoOwner
	}
	return f.ofPlan(ctx, "plan "+string(s.plan), s.plan)
}

// ofSetup finds the account of the plan whose recovery page handed out a SetupIntent.
func (f owners) ofSetup(ctx context.Context, s subject) (owned, error) {
	if s.setup == "" {
		return owned{}, errNoOwner
	}
	try, err := f.store.LastCardTry(ctx, billing.CardTryFilter{Kind: billing.CardTrySetup, Intent: s.setup})
	if err != nil {
		return owned{}, err
	}
	link, err := f.store.PayLinkByID(ctx, try.LinkID)
	if err != nil {
		return owned{}, err
	}
	return f.ofPlan(ctx, "SetupIntent "+s.setup, link.PlanID)
}

func (f owners) ofPlan(ctx context.Context, what string, id billing.PlanID) (owned, error) {
	plan, err := f.store.Plan(ctx, id)
	return owned{what, []string{plan.Account}}, err
}

// ofCard finds the account that a PaymentMethod is saved in.
func (f owners) ofCard(ctx context.Context, s subject) (owned, error) {
	if s.card == "" {
		return owned{}, errNoOwner
	}
	card, err := f.store.CardByPaymentMethod(ctx, s.card)
	return owned{"PaymentMethod " + s.card, []string{card.Account}}, err
}

// ofCustomer finds the accounts of the rows that name a Stripe customer.
func (f owners) ofCustomer(ctx context.Context, s subject) (owned, error) {
	if s.customer == "" {
		return owned{}, errNoOwner
	}
	customer, err := f.store.CustomerByStripe(ctx, s.customer)
	if err != nil {
		return owned{}, err
	}
	cards, err := f.store.Cards(ctx, customer.ID)
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
