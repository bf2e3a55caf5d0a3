package billing

import (
	"encoding/json"
	"time"
)

// Outcome is what became of an attempt.
type Outcome string

const (
	// OutcomeUnknown was or will be sent and has no known answer: it is sent again under the same
	// key, or looked up.
	OutcomeUnknown Outcome = "unknown"
	// OutcomeAwaitingCustomer is a PaymentIntent made for the customer to confirm in the merchant's
	// checkout.
	OutcomeAwaitingCustomer Outcome = "awaiting_customer"
	// OutcomeProcessing was accepted; Stripe does not know the result yet.
	OutcomeProcessing Outcome = "processing"
	// OutcomeSucceeded took the money.
	OutcomeSucceeded Outcome = "succeeded"
	// OutcomeDeclined was refused by the issuer, the network or Stripe.
	OutcomeDeclined Outcome = "declined"
	// OutcomeRequiresAction needs the customer to authenticate.
	OutcomeRequiresAction Outcome = "requires_action"
	// OutcomeCanceled met a canceled PaymentIntent.
	OutcomeCanceled Outcome = "canceled"
	// OutcomeError was refused as a request: nothing reached the card. The fault is ours or the
	// account's.
	OutcomeError Outcome = "error"
)

// Open says whether the attempt may still turn out to have taken the money by our own call.
func (o Outcome) Open() bool { return o == OutcomeUnknown || o == OutcomeProcessing }

// Initiator says who started an attempt, in the card networks' terms.
type Initiator string

const (
	// InitiatorMerchant is an off-session attempt of ours.
	InitiatorMerchant Initiator = "merchant"
	// InitiatorCustomer is a payment the customer confirmed.
	InitiatorCustomer Initiator = "customer"
)

// Attempt is one try at a charge. It is committed before Stripe is called, with everything needed
// to send the same request again.
type Attempt struct {
	ID        AttemptID
	ChargeID  ChargeID
	Number    int // from 1, per charge
	Initiator Initiator

	// IdempotencyKey is what Stripe was called with; empty for an attempt the customer made without us.
	IdempotencyKey string
	Params         PaymentParams
	SendCount      int       // how often the request was sent under its key
	SentAt         time.Time // when it was last sent; zero before

	Outcome Outcome
	Failure Failure // set when declined or error

	// Fingerprint names the number of the card that was charged off-session, over all customers and
	// PaymentMethods; the PaymentMethod's id where Stripe gave none. The networks' caps are counted
	// by it. Empty for what a customer confirmed.
	Fingerprint string

	PaymentIntent string // pi_…
	StripeCharge  string // ch_…; unique where known: one payment on a card is one attempt
	RequestID     string // Stripe's req_…

	CreatedAt  time.Time
	FinishedAt time.Time // zero while the outcome is open
}

// Made reports whether the attempt created its PaymentIntent, whoever confirms it. Its parameters
// name the Stripe customer: a card of another one is refused with HTTP 400. Source:
// docs.stripe.com/api/payment_intents/confirm.
func (a Attempt) Made() bool { return a.Params.PaymentIntent == "" && a.Params.Amount > 0 }

// Failure is why an attempt did not succeed, as Stripe told it. It holds no secret.
type Failure struct {
	Code               string `json:"code,omitempty"`         // Stripe's error code, such as card_declined
	DeclineCode        string `json:"decline_code,omitempty"` // the issuer's reason, such as insufficient_funds; may be empty
	AdviceCode         string `json:"advice_code,omitempty"`
	NetworkAdviceCode  string `json:"network_advice_code,omitempty"`
	NetworkDeclineCode string `json:"network_decline_code,omitempty"`
	Blocked            bool   `json:"blocked,omitempty"` // Stripe Radar blocked it; the issuer was not asked
	Message            string `json:"message,omitempty"` // Stripe's text; only that of a card error may be shown to a customer
}

// Cause is the decline code, or the code where there is none.
func (f Failure) Cause() string {
	if f.DeclineCode != "" {
		return f.DeclineCode
	}
	return f.Code
}

// PaymentParams is everything that is sent to Stripe to create or confirm a PaymentIntent. It is
// stored with the attempt, because Stripe compares the parameters of a repeated key with those of
// the first request.
type PaymentParams struct {
	PaymentIntent string            `json:"payment_intent,omitempty"` // confirm this one; empty: create one
	Amount        int64             `json:"amount,omitempty"`         // minor units; create only
	Currency      Currency          `json:"currency,omitempty"`       // create only
	Customer      string            `json:"customer,omitempty"`       // cus_…; create only
	PaymentMethod string            `json:"payment_method,omitempty"` // pm_…
	OffSession    bool              `json:"off_session,omitempty"`    // confirm at once, without the customer
	SaveCard      bool              `json:"save_card,omitempty"`      // setup_future_usage=off_session; create only
	ClearSetup    bool              `json:"clear_setup,omitempty"`    // setup_future_usage= (none); confirm only
	Description   string            `json:"description,omitempty"`    // create only
	Metadata      map[string]string `json:"metadata,omitempty"`       // create only

	// What Stripe Connect is told; create only.
	OnBehalfOf          string `json:"on_behalf_of,omitempty"`
	ApplicationFee      int64  `json:"application_fee,omitempty"` // minor units
	TransferDestination string `json:"transfer_destination,omitempty"`
	TransferAmount      int64  `json:"transfer_amount,omitempty"` // minor units; 0 means all of it
}

// JSON is the canonical form in which the parameters are stored.
func (p PaymentParams) JSON() ([]byte, error) { return json.Marshal(p) }
