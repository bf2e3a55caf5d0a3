package contract_test

import (
	"maps"
	"net/url"
	"slices"
	"strconv"
)

// habits are differences between stateful fakes and Stripe: each was seen in a public fake, or is
// likely for an older version of the API, a proxy or a hasty author. The zero value behaves like
// Stripe, as far as it goes.
type habits struct {
	// Errors and headers.
	noRequestID     bool
	noIntentInError bool // most fakes
	noChargeInError bool
	noDeclineCode   bool // card_declined, and nothing else
	causeInCode     bool // code insufficient_funds, no decline_code
	noCodes         bool // a 402 with a message
	plainErrorType  bool // a decline of type invalid_request_error
	declineStatus   int  // 400 for a decline
	declineIsOK     bool // 200, status requires_payment_method
	noErrorCodes    bool // no resource_missing, no payment_intent_unexpected_state
	htmlNotFound    bool // a page for unknown routes
	unknownParams   bool // setup_future_usage is refused
	forgetsKeys     bool // no Idempotency-Key

	// Events.
	noAPIVersion, otherAPIVersion bool

	// Objects.
	floatTimes      bool // Python's time.time()
	numbersAsText   bool // a form's values are returned as they were sent
	chargesList     bool // charges.data[] and no latest_charge: before API version 2022-11-15
	expanded        bool // references are whole objects
	noMethodOnPaid  bool // and charges.data[] has the card
	noMethodAtAll   bool
	noMetadata      bool
	keepsMethod     bool // payment_method stays after a decline
	noReceived      bool // amount_received is 0 after success
	mixedMetadata   bool // values that are not strings
	noLastError     bool
	sameCharge      bool // every charge is ch_1
	bareMethod      bool // no customer field, no card
	customerIgnored bool // a list has the objects of all customers
	noFilters       bool // a list refuses customer=
	noHasMore       bool

	// Behavior.
	ignoresConfirm      bool // create with confirm=true answers requires_confirmation
	neverConfirms       bool // and so does confirm
	setupStays          bool // setup_future_usage can't be removed
	actionOffSession    bool // requires_action although off_session=true
	noAttachOnPay       bool // setup_future_usage attaches nothing
	customerWithoutCard bool // creating a customer attaches nothing
	strictAttach        bool // and an unattached card is refused
	attachShowsNobody   bool
	noMethodRoutes      bool
}

// spoil removes the fields from a decline that the habits leave out.
func (h habits) spoil(e object, cause string) {
	if h.causeInCode {
		e["code"] = cause
	}
	if h.noDeclineCode || h.causeInCode || h.noCodes {
		delete(e, "decline_code")
	}
	if h.noCodes {
		delete(e, "code")
	}
	if h.noChargeInError {
		delete(e, "charge")
	}
	if h.plainErrorType {
		e["type"] = "invalid_request_error"
	}
}

func (f *foreign) showIntent(p *payment) object {
	h := f.habits
	o := object{
		"id": p.id, "object": "payment_intent", "status": p.status, "amount": f.number(p.amount), "currency": p.currency,
		"customer": nil, "payment_method": nil, "client_secret": p.id + "_secret_x", "created": f.time(p.created.Unix()),
		"livemode": false, "next_action": nil, "last_payment_error": nil, "setup_future_usage": p.setup,
		"amount_received": f.number(p.amount * int64(min(p.taken, 1))),
	}
	if p.lastError != nil && !h.noLastError {
		o["last_payment_error"] = p.lastError
	}
	if h.noReceived {
		o["amount_received"] = 0
	}
	if p.status == "requires_action" {
		o["next_action"] = object{"type": "use_stripe_sdk", "use_stripe_sdk": object{}}
	}
	if !h.noMetadata {
		o["metadata"] = p.metadata
	}
	if h.mixedMetadata {
		mixed := map[string]any{"visits": 3, "vip": true, "note": nil}
		maps.Copy(mixed, p.metadata)
		o["metadata"] = mixed
	}
	f.refer(o, "customer", p.customer, object{"object": "customer", "email": "a@b.c"})
	if p.taken == 0 || !h.noMethodOnPaid && !h.noMethodAtAll {
		f.refer(o, "payment_method", p.method, object{"object": "payment_method", "type": "card"})
	}
	f.showCharge(o, p)
	return o
}

// showCharge adds the latest charge, in the form of the API's version.
func (f *foreign) showCharge(o object, p *payment) {
	charge := object{"id": p.charge, "object": "charge", "payment_method": p.method, "status": p.status}
	if f.habits.noMethodAtAll {
		delete(charge, "payment_method")
	}
	switch {
	case f.habits.chargesList && p.charge != "":
		o["charges"] = object{"object": "list", "data": []object{charge}, "has_more": false}
	case f.habits.chargesList:
		o["charges"] = object{"object": "list", "data": []object{}, "has_more": false}
	default:
		f.refer(o, "latest_charge", p.charge, charge)
	}
}

// refer adds a reference to an object: an id, null, or the whole object.
func (f *foreign) refer(o object, field, id string, whole object) {
	o[field] = nil
	if id == "" {
		return
	}
	o[field] = id
	if f.habits.expanded {
		whole["id"] = id
		o[field] = whole
	}
}

func (f *foreign) showMethod(m *method) object {
	if f.habits.bareMethod {
		return object{"id": m.id, "object": "payment_method"}
	}
	o := object{
		"id": m.id, "object": "payment_method", "type": "card", "billing_details": object{}, "created": f.time(f.now().Unix()),
		"card": object{"brand": "visa", "last4": m.number[12:], "exp_month": f.number(12), "exp_year": f.number(2040)},
	}
	f.refer(o, "customer", m.customer, object{"object": "customer"})
	return o
}

func (f *foreign) listIntents(form url.Values) (int, any) {
	if f.habits.noFilters {
		return f.refuse(400, "", "Unexpected customer")
	}
	data := []object{}
	for _, p := range slices.Backward(f.intents) {
		if f.habits.customerIgnored || p.customer == form.Get("customer") {
			data = append(data, f.showIntent(p))
		}
	}
	list := object{"object": "list", "data": data, "url": "/v1/payment_intents", "has_more": false}
	if f.habits.noHasMore {
		delete(list, "has_more")
	}
	return 200, list
}

// emit sends a webhook with the object's current state.
func (f *foreign) emit(kind string, p *payment) {
	e := object{
		"id": f.next("evt"), "object": "event", "type": kind, "created": f.time(f.now().Unix()), "api_version": "2023-10-16",
		"livemode": false, "data": object{"object": f.showIntent(p)},
	}
	if f.habits.noAPIVersion {
		delete(e, "api_version")
	}
	if f.habits.otherAPIVersion {
		e["api_version"] = "2017-08-15"
	}
	f.events = append(f.events, f.encode(e))
}

func (f *foreign) time(seconds int64) any {
	if f.habits.floatTimes {
		return float64(seconds) + 0.123456
	}
	return f.number(seconds)
}

func (f *foreign) number(n int64) any {
	if f.habits.numbersAsText {
		return strconv.FormatInt(n, 10)
	}
	return n
}
