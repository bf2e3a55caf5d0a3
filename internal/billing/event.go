package billing

import (
	"encoding/json"
	"time"
)

// EventStatus is the state of an event in the inbox.
type EventStatus string

const (
	// EventPending waits to be handled.
	EventPending EventStatus = "pending"
	// EventHandled was handled: it changed something, or the change was made already.
	EventHandled EventStatus = "handled"
	// EventIgnored concerns no plan, or has a type that is not used.
	EventIgnored EventStatus = "ignored"
	// EventFailed can't be handled; Reason holds the cause. It is kept for an operator.
	EventFailed EventStatus = "failed"
)

// Event is a Stripe event in the inbox. The handler fetches the event's object again and does not
// trust the body.
type Event struct {
	ID         string // evt_…; unique
	Type       string // such as payment_intent.succeeded
	ObjectID   string // id of data.object
	Account    string // acct_… of a connected account; empty for the platform's own
	APIVersion string // as rendered by Stripe; any is accepted
	Livemode   bool
	Payload    []byte    // the body, scrubbed of client secrets
	CreatedAt  time.Time // at Stripe
	ReceivedAt time.Time

	Status     EventStatus
	Reason     string    // why it was ignored or failed, or the last error while pending
	ClaimAfter time.Time // when the scheduler may claim it next; zero when it is done
	Lease      int64     // see Charge.Lease
	Attempts   int       // failed attempts to handle it
	HandledAt  time.Time

	// Awaits names the unknown object that an ignored event is about: a PaymentIntent (pi_…), a
	// Stripe customer (cus_…), or the name that AwaitsCustomer returns. The store makes the event
	// pending again when a row with that name is inserted. Empty otherwise.
	Awaits string
}

// AwaitsCustomer returns the Awaits of an event about a customer who has no plan yet, by the
// merchant's reference.
func AwaitsCustomer(reference string) string { return "customer:" + reference }

// PaymentIntent returns the PaymentIntent that a charge, refund or dispute belongs to; empty if the
// body names none. Only PaymentIntent, Metadata and Decline read the body of an event.
func (e Event) PaymentIntent() string {
	var body struct {
		Data struct {
			Object struct {
				PaymentIntent json.RawMessage `json:"payment_intent"`
			} `json:"object"`
		} `json:"data"`
	}
	if json.Unmarshal(e.Payload, &body) != nil {
		return ""
	}
	raw := body.Data.Object.PaymentIntent
	var id string
	if json.Unmarshal(raw, &id) == nil {
		return id
	}
	var expanded struct {
		ID string `json:"id"`
	}
	_ = json.Unmarshal(raw, &expanded) // no id when it fails
	return expanded.ID
}

// Metadata returns the metadata that the object had when the event was created; nil if it had none.
func (e Event) Metadata() map[string]string {
	var body struct {
		Data struct {
			Object struct {
				Metadata map[string]string `json:"metadata"`
			} `json:"object"`
		} `json:"data"`
	}
	if json.Unmarshal(e.Payload, &body) != nil {
		return nil
	}
	return body.Data.Object.Metadata
}

// EventClaim is a pending event that was claimed by one scheduler, for one lease.
type EventClaim struct {
	EventID string
	Lease   int64
}

// DeclineReport is the cause of a failed payment or set-up, as its event reports it.
type DeclineReport struct {
	RequestKey   string // the Idempotency-Key of the request that was declined; empty when it had none
	FromRequest  bool   // the decline is the response to a request; otherwise the bank decided later
	StripeCharge string // ch_…; empty for a set-up
	Code         string // decline code, or the code where there is none
}

// Decline returns why a payment or set-up failed. The event is about one decline; the object may
// have had others since.
func (e Event) Decline() DeclineReport {
	type failure struct {
		Code        string `json:"code"`
		DeclineCode string `json:"decline_code"`
		Charge      string `json:"charge"`
	}
	var body struct {
		Request json.RawMessage `json:"request"` // an object, or an id in old API versions
		Data    struct {
			Object struct {
				Payment failure `json:"last_payment_error"`
				Setup   failure `json:"last_setup_error"`
			} `json:"object"`
		} `json:"data"`
	}
	if json.Unmarshal(e.Payload, &body) != nil {
		return DeclineReport{}
	}
	var request struct {
		ID  string `json:"id"`
		Key string `json:"idempotency_key"`
	}
	_ = json.Unmarshal(body.Request, &request) // no key when it fails
	why := body.Data.Object.Payment
	if e.Type == "setup_intent.setup_failed" {
		why = body.Data.Object.Setup
	}
	r := DeclineReport{RequestKey: request.Key, FromRequest: request.ID != "", StripeCharge: why.Charge, Code: why.DeclineCode}
	if r.Code == "" {
		r.Code = why.Code
	}
	return r
}
