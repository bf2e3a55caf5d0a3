package stripesim

import (
	"encoding/json"
	"maps"
)

// state is the data of the simulated account. The server's lock guards it.
type state struct {
	customers      *table[*customer]
	paymentMethods *table[*paymentMethod]
	paymentIntents *table[*paymentIntent]
	setupIntents   *table[*setupIntent]
	charges        *table[*charge]
	refunds        *table[*refund]
	disputes       *table[*dispute]
	events         *table[*event]
	endpoints      *table[*endpoint]
	processing     []*paymentIntent // those without a result yet
}

func newState() state {
	return state{
		customers:      newTable[*customer](),
		paymentMethods: newTable[*paymentMethod](),
		paymentIntents: newTable[*paymentIntent](),
		setupIntents:   newTable[*setupIntent](),
		charges:        newTable[*charge](),
		refunds:        newTable[*refund](),
		disputes:       newTable[*dispute](),
		events:         newTable[*event](),
		endpoints:      newTable[*endpoint](),
	}
}

type customer struct {
	id, email, name, phone, description string
	created, balance                    int64
	address, shipping                   object
	metadata                            map[string]string
	defaultPaymentMethod                string
	locales                             []string
	taxExempt, invoicePrefix            string
	deleted                             bool
}

type paymentMethod struct {
	id, customer       string
	created            int64
	card               testCard
	number             string
	expMonth, expYear  int64
	hasCVC, checked    bool // a security code came with it; the bank has compared it
	billing            object
	metadata           map[string]string
	consumed, detached bool
	// setUp means that a payment or SetupIntent has prepared it for off-session use.
	setUp bool
	// paid counts its successful payments, declined its declines on demand.
	paid, declined int
}

type paymentIntent struct {
	id, clientSecret                             string
	amount, amountReceived, amountCapturable     int64
	created, canceledAt                          int64
	currency, status, customer, paymentMethod    string
	description, receiptEmail                    string
	captureMethod, confirmationMethod            string
	cancellationReason, setupFutureUsage         string
	statementDescriptor, statementSuffix         string
	latestCharge, transferGroup, onBehalfOf      string
	fee                                          int64  // application_fee_amount
	automatic                                    object // automatic_payment_methods, or nil
	types                                        []string
	metadata                                     map[string]string
	lastError, nextAction, shipping, cardOptions object
	transfer                                     object // transfer_data, or nil
	confirms                                     int
	offSession                                   bool
	pendingReturnURL                             string
	processingEnd                                int64 // when a payment that is processing ends; 0: on demand
	processingDecline                            string
}

type setupIntent struct {
	id, clientSecret, status, customer, paymentMethod string
	created                                           int64
	description, usage, cancellationReason, attempt   string
	automatic, lastError, nextAction, cardOptions     object
	types                                             []string
	metadata                                          map[string]string
	pendingReturnURL                                  string
}

type charge struct {
	id, status, currency, customer, paymentIntent, paymentMethod string
	created, amount, captured, refunded                          int64
	description, receiptEmail, failureCode, failureMessage       string
	statementDescriptor, statementSuffix, balanceTransaction     string
	outcome, billing, cardDetails, shipping                      object
	metadata                                                     map[string]string
	fingerprintOf                                                testCard
	dispute, receiptURL, transferGroup, onBehalfOf               string
	transferData                                                 object // or nil
	transfer, applicationFee                                     string // ids; may be empty
	fee, feeRefunded                                             int64
}

type refund struct {
	id, charge, paymentIntent, currency, reason, status, failure, reversal string
	balanceTransaction, failureTransaction                                 string
	created, amount                                                        int64
	metadata                                                               map[string]string
}

type dispute struct {
	id, charge, paymentIntent, currency, reason, status, brand string
	created, amount                                            int64
	metadata                                                   map[string]string
	movements                                                  []any // of the balance
}

type event struct {
	id, kind, requestID, key, version string
	account                           string // the connected one that it happened in; may be empty
	created                           int64
	object                            json.RawMessage
	previous                          object
	pending, failed                   int
}

type endpoint struct {
	id, url, secret, description, status string
	connect                              bool // it gets the events of connected accounts, and none of the platform's
	created                              int64
	events                               []string
	metadata                             map[string]string
}

// mergeMetadata applies a metadata parameter as Stripe does: an empty value
// removes its key, an empty parameter removes all.
func mergeMetadata(old map[string]string, in *node) map[string]string {
	merged := map[string]string{}
	maps.Copy(merged, old)
	given := in.get("metadata")
	if given == nil {
		return merged
	}
	if !given.isHash() {
		return map[string]string{}
	}
	for key, value := range given.children {
		if value.text == "" {
			delete(merged, key)
			continue
		}
		merged[key] = value.text
	}
	return merged
}

// setText overwrites a field if the parameter was sent; empty text unsets the field.
func setText(field *string, in *node, name string) {
	if in.has(name) {
		*field = in.str(name)
	}
}

// addressOf returns an address, with null for fields that were not sent.
func addressOf(in *node) object {
	out := object{}
	for _, name := range []string{"city", "country", "line1", "line2", "postal_code", "state"} {
		out[name] = orNull(in.str(name))
	}
	return out
}

// shippingOf reads a shipping parameter; nil if it unsets shipping.
func shippingOf(in *node) object {
	if !in.isHash() {
		return nil
	}
	return object{
		"address": addressOf(in.get("address")), "name": orNull(in.str("name")), "phone": orNull(in.str("phone")),
		"carrier": orNull(in.str("carrier")), "tracking_number": orNull(in.str("tracking_number")),
	}
}
