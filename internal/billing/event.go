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

// Event is a Stripe event in the inbox. The handler fetches the object anew and does not trust the body.
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
}

// PaymentIntent finds the PaymentIntent that a charge, refund or dispute belongs to; empty where the body names none. It is
// all that is read of an event's body.
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

// EventClaim is a pending event handed to one scheduler, for one lease.
type EventClaim struct {
	EventID string
	Lease   int64
}
