package stripeevents

import (
	"context"
	"errors"
	"fmt"

	"tranche/internal/billing"
)

// notHereError is the error for an event about an object that Stripe does not have. Stripe deletes
// no such object, so the key belongs to another account than the event. The event is handled again
// later, and fails in the end.
type notHereError struct{ what, id string }

// Error names the object.
func (e *notHereError) Error() string {
	return fmt.Sprintf("the key's Stripe account has no %s %s, which this event is about: it is another account", e.what, e.id)
}

// notHere returns a notHereError for an object, such as the PaymentIntent pi_1.
func notHere(what, id string) error { return &notHereError{what, id} }

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
func (h *Handler) admit(ctx context.Context, e billing.Event, kind eventKind) (subject, verdict, error) {
	switch {
	case e.Livemode != h.Livemode:
		return subject{}, ignored("it is an event of %s, and the key is for %s", mode(e.Livemode), mode(h.Livemode)), nil
	case e.ObjectID == "":
		return subject{}, verdict{}, errNoObject
	}
	s := kind.names(e)
	if kind.fetch == nil {
		v, err := owners{h.Store}.foreign(ctx, s)
		return s, v, err
	}
	fetched, err := kind.fetch(h, ctx, s)
	if err == nil {
		v, err := owners{h.Store}.foreign(ctx, fetched)
		return fetched, v, err
	}
	if _, missing := errors.AsType[*notHereError](err); !missing && !billing.NoAccess(err, e.Account) {
		return s, verdict{}, err
	}
	// An object that Stripe does not have in this account can't be handled. Only here, the metadata in
	// the body is trusted to name the owner.
	v, failed := owners{h.Store}.foreign(ctx, s.labeled(e.Metadata()))
	if failed != nil || v.status != "" {
		return s, v, failed
	}
	return s, verdict{}, err
}

// mode returns the name of one of Stripe's two modes.
func mode(live bool) string {
	if live {
		return "live mode"
	}
	return "test mode"
}
