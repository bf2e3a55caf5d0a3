package billing

import (
	"encoding/json"
	"time"

	"tranche/internal/money"
)

// Outcome is the result of an attempt.
type Outcome string

const (
	// OutcomeUnknown means that the request was sent, or is about to be, and that its result is not
	// known. The request is sent again under the same key, or the result is looked up.
	OutcomeUnknown Outcome = "unknown"
	// OutcomeAwaitingCustomer is a PaymentIntent that the customer is to confirm in the merchant's
	// checkout.
	OutcomeAwaitingCustomer Outcome = "awaiting_customer"
	// OutcomeProcessing means that Stripe accepted the request and does not know the result yet.
	OutcomeProcessing Outcome = "processing"
	// OutcomeSucceeded means that the money was received.
	OutcomeSucceeded Outcome = "succeeded"
	// OutcomeDeclined means that the issuer, the network or Stripe declined the payment.
	OutcomeDeclined Outcome = "declined"
	// OutcomeRequiresAction means that the customer must authenticate.
	OutcomeRequiresAction Outcome = "requires_action"
	// OutcomeCanceled means that the PaymentIntent was canceled.
	OutcomeCanceled Outcome = "canceled"
	// OutcomeError means that Stripe rejected the request before it reached the card. The cause
	// lies with Tranche or with the Stripe account.
	OutcomeError Outcome = "error"
)

// Open reports whether the request of the attempt may still turn out to have taken the money.
func (o Outcome) Open() bool { return o == OutcomeUnknown || o == OutcomeProcessing }

// Initiator is the party that started an attempt, in the card networks' terms.
type Initiator string

const (
	// InitiatorMerchant is an off-session attempt by Tranche.
	InitiatorMerchant Initiator = "merchant"
	// InitiatorCustomer is a payment that the customer confirmed.
	InitiatorCustomer Initiator = "customer"
)

// Attempt is one try at a charge. It is committed before Stripe is called, with everything needed
// to send the same request again.
type Attempt struct {
	ID        AttemptID
	ChargeID  ChargeID
	Number    int // from 1, per charge
	Initiator Initiator

	// IdempotencyKey is the key that the request is sent under; empty for an attempt that the
	// customer made without Tranche.
	IdempotencyKey string
	Params         PaymentParams
	SendCount      int       // how often the request was sent under its key
	SentAt         time.Time // when it was last sent; zero before

	Outcome Outcome
	Failure Failure // set when declined or error

	// Fingerprint identifies the card number that was charged off-session, across all customers and
	// PaymentMethods; it is the PaymentMethod's id where Stripe gave no fingerprint. The networks'
	// caps are counted by it. Empty for payments that a customer confirmed.
	Fingerprint string

	PaymentIntent string // pi_…
	StripeCharge  string // ch_…; unique where known: one payment on a card is one attempt
	RequestID     string // Stripe's req_…

	CreatedAt  time.Time
	FinishedAt time.Time // zero while the outcome is open
}

// NewAttempt returns an attempt at a charge whose outcome is not known yet. number counts the
// charge's attempts from 1.
func NewAttempt(charge ChargeID, number int, by Initiator, now time.Time) Attempt {
	return Attempt{
		ID: AttemptIDFor(charge, number, by), ChargeID: charge, Number: number, Initiator: by, Outcome: OutcomeUnknown, CreatedAt: now,
	}
}

// Sending returns the attempt with the request that is sent for it. Its id is the idempotency key.
func (a Attempt) Sending(p PaymentParams) Attempt {
	a.Params, a.IdempotencyKey = p, string(a.ID)
	return a
}

// Made reports whether the attempt created its PaymentIntent, by either initiator. Its parameters
// name the Stripe customer: Stripe refuses the card of another customer with HTTP 400. Source:
// docs.stripe.com/api/payment_intents/confirm.
func (a Attempt) Made() bool { return a.Params.PaymentIntent == "" && a.Params.Amount > 0 }

// Failure is Stripe's account of why an attempt did not succeed. It holds no secret.
type Failure struct {
	Code               string `json:"code,omitempty"`         // Stripe's error code, such as card_declined
	DeclineCode        string `json:"decline_code,omitempty"` // the issuer's reason, such as insufficient_funds; may be empty
	AdviceCode         string `json:"advice_code,omitempty"`
	NetworkAdviceCode  string `json:"network_advice_code,omitempty"`
	NetworkDeclineCode string `json:"network_decline_code,omitempty"`
	Blocked            bool   `json:"blocked,omitempty"` // Stripe Radar blocked it; the issuer was not asked
	Message            string `json:"message,omitempty"` // Stripe's text; customers may be shown the text of card errors only
}

// Cause returns the decline code, or the error code if there is no decline code.
func (f Failure) Cause() string {
	if f.DeclineCode != "" {
		return f.DeclineCode
	}
	return f.Code
}

// PaymentParams is everything that is sent to Stripe to create or confirm a PaymentIntent. It is
// stored with the attempt because Stripe refuses a repeated key whose parameters differ from the
// first request's.
type PaymentParams struct {
	PaymentIntent string            `json:"payment_intent,omitempty"` // confirm this one; empty: create one
	Amount        int64             `json:"amount,omitempty"`         // minor units; create only
	Currency      money.Currency    `json:"currency,omitempty"`       // create only
	Customer      string            `json:"customer,omitempty"`       // cus_…; create only
	PaymentMethod string            `json:"payment_method,omitempty"` // pm_…
	OffSession    bool              `json:"off_session,omitempty"`    // confirm at once, without the customer
	SaveCard      bool              `json:"save_card,omitempty"`      // setup_future_usage=off_session; create only
	ClearSetup    bool              `json:"clear_setup,omitempty"`    // setup_future_usage= (none); confirm only
	Description   string            `json:"description,omitempty"`    // create only
	Metadata      map[string]string `json:"metadata,omitempty"`       // create only

	// The parameters of Stripe Connect; create only.
	OnBehalfOf          string `json:"on_behalf_of,omitempty"`
	ApplicationFee      int64  `json:"application_fee,omitempty"` // minor units
	TransferDestination string `json:"transfer_destination,omitempty"`
	TransferAmount      int64  `json:"transfer_amount,omitempty"` // minor units; 0 means all of it
}

// JSON returns the parameters in the canonical form that is stored.
func (p PaymentParams) JSON() ([]byte, error) { return json.Marshal(p) }
