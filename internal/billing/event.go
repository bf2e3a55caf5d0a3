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
	// EventHandled changed something, or found it already so.
	EventHandled EventStatus = "handled"
	// EventIgnored does not concern any plan, or is of a type that is not used.
	EventIgnored EventStatus = "ignored"
	// EventFailed can't be handled as it stands; Reason says why. It is kept for an operator.
	EventFailed EventStatus = "failed"
)

// Event is a Stripe event in the inbox. The handler fetches the object anew and does not trust the
// body.
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

	Status    EventStatus
	Reason    string    // why it was ignored or failed, or the last error while pending
	WakeAt    time.Time // when the scheduler looks at it next; zero when it is done
	Lease     int64     // see Charge.Lease
	Attempts  int       // how often handling was tried and failed
	HandledAt time.Time

	// Awaits names what an ignored event is about and nothing was known of: a PaymentIntent (pi_…),
	// a Stripe customer (cus_…), or what AwaitsCustomer says. The store makes the event pending
	// again when a row that names it is inserted. Empty otherwise.
	Awaits string
}

// AwaitsCustomer is what an event about a customer awaits whom no plan has yet, by the merchant's
// reference.
func AwaitsCustomer(reference string) string { return "customer:" + reference }

// PaymentIntent finds the PaymentIntent that a charge, refund or dispute belongs to; empty where
// the body names none. It, Metadata and Decline are all that is read of an event's body.
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

// Metadata reads the metadata that the object had when the event was made; nil where it had none.
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

// EventClaim is a pending event handed to one scheduler, for one lease.
type EventClaim struct {
	EventID string
	Lease   int64
}

// DeclineReport is what the event of a failed payment or set-up says of its cause.
type DeclineReport struct {
	RequestKey   string // the Idempotency-Key of the request that was declined; empty when it had none
	FromRequest  bool   // the event names a request; otherwise the bank decided later
	StripeCharge string // ch_…; empty for a set-up
	Code         string // decline code, or the code where there is none
}

// Decline reads why a payment or set-up failed. An event is about one decline, and the object may
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
