package jobs

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"tranche/internal/billing"
)

// errNoObject is the error for an event that can't be handled because its body does not name its
// object. Stripe sends no such event, and a retry could not help, because the stored body does not
// change.
var errNoObject = errors.New("the event's data.object.id is missing, so its object is unknown: look at the event in Stripe's dashboard")

// subject is what an event is about: the ids that the event names, and the object as fetched from
// Stripe. Unknown ids are empty.
type subject struct {
	payment  string           // pi_…, the object itself or the PaymentIntent that it belongs to
	setup    string           // seti_…
	card     string           // pm_…
	customer string           // cus_…
	charge   billing.ChargeID // from the metadata
	plan     billing.PlanID   // from the metadata

	intent        billing.PaymentIntent
	setupIntent   billing.SetupIntent
	paymentMethod billing.PaymentMethod
	refund        billing.StripeRefund
}

// labeled returns the subject with the charge and plan that an object's metadata names.
func (s subject) labeled(metadata map[string]string) subject {
	s.charge, s.plan = billing.ChargeID(metadata[billing.MetaCharge]), billing.PlanID(metadata[billing.MetaPlan])
	return s
}

// admit checks the mode and account of an event. It is the only such check, and every event passes
// it before its handler, however the event arrived. It returns the event's subject. The verdict has
// a status if the event changes nothing: an event of the other mode, which Stripe sends to live
// endpoints of Connect platforms (docs.stripe.com/connect/webhooks), or an event of an account that
// does not own the event's objects. ctx acts for the account of the event. Errors: errNoObject; the
// errors of the fetch.
func (w *Worker) admit(ctx context.Context, e billing.Event, kind eventKind) (subject, verdict, error) {
	switch {
	case e.Livemode != w.Livemode:
		return subject{}, ignored("it is an event of %s, and the key is for %s", mode(e.Livemode), mode(w.Livemode)), nil
	case e.ObjectID == "":
		return subject{}, verdict{}, errNoObject
	}
	s := kind.names(e)
	if kind.fetch == nil {
		v, err := w.foreign(ctx, s)
		return s, v, err
	}
	fetched, err := kind.fetch(w, ctx, s)
	if err == nil {
		v, err := w.foreign(ctx, fetched)
		return fetched, v, err
	}
	if _, missing := errors.AsType[*notHereError](err); !missing && !billing.NoAccess(err, e.Account) {
		return s, verdict{}, err
	}
	// An object that Stripe does not have in this account can't be handled. Only here, the metadata in
	// the body is trusted to name the owner.
	v, failed := w.foreign(ctx, s.labeled(e.Metadata()))
	if failed != nil || v.status != "" {
		return s, v, failed
	}
	return s, verdict{}, err
}

// foreign ignores an event about an object that belongs to another account than ctx acts for. The
// verdict is zero if all known objects belong to the account, or none is known. The metadata is
// checked as well, because the owner of a connected account can write any metadata.
func (w *Worker) foreign(ctx context.Context, s subject) (verdict, error) {
	account := billing.AccountOf(ctx)
	for _, find := range []func(*Worker, context.Context, subject) (owned, error){
		(*Worker).ownerOfPayment, (*Worker).ownerOfLabels, (*Worker).ownerOfSetup, (*Worker).ownerOfCard, (*Worker).ownerOfCustomer,
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
func (w *Worker) ownerOfPayment(ctx context.Context, s subject) (owned, error) {
	if s.payment == "" {
		return owned{}, errNoOwner
	}
	c, err := w.Store.ChargeByPaymentIntent(ctx, s.payment)
	if errors.Is(err, billing.ErrNotFound) {
		c, err = w.duplicateOf(ctx, s.payment)
	}
	if err != nil {
		return owned{}, err
	}
	return w.ownerOfPlan(ctx, "PaymentIntent "+s.payment, c.PlanID)
}

// ownerOfLabels finds the account of the charge that the object's metadata names, or the account of
// the plan if the metadata names no known charge.
func (w *Worker) ownerOfLabels(ctx context.Context, s subject) (owned, error) {
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
func (w *Worker) ownerOfSetup(ctx context.Context, s subject) (owned, error) {
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

func (w *Worker) ownerOfPlan(ctx context.Context, what string, id billing.PlanID) (owned, error) {
	plan, err := w.Store.Plan(ctx, id)
	return owned{what, []string{plan.Account}}, err
}

// ownerOfCard finds the account that a PaymentMethod is saved in.
func (w *Worker) ownerOfCard(ctx context.Context, s subject) (owned, error) {
	if s.card == "" {
		return owned{}, errNoOwner
	}
	card, err := w.Store.CardByPaymentMethod(ctx, s.card)
	return owned{"PaymentMethod " + s.card, []string{card.Account}}, err
}

// ownerOfCustomer finds the accounts of the rows that name a Stripe customer.
func (w *Worker) ownerOfCustomer(ctx context.Context, s subject) (owned, error) {
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

// mode returns the name of one of Stripe's two modes.
func mode(live bool) string {
	if live {
		return "live mode"
	}
	return "test mode"
}

// accountName returns the name of a connected account, or a phrase for the platform's own (empty).
func accountName(account string) string {
	if account == "" {
		return "the platform's own account"
	}
	return account
}
