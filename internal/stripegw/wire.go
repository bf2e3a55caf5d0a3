package stripegw

import (
	"encoding/json"

	"github.com/stripe/stripe-go/v76"
)

// The types here hold the fields that are read of Stripe's objects.

// ref is the id of a referenced object, which Stripe sends as a string, or as the whole object if
// it was expanded.
type ref string

// UnmarshalJSON accepts a string, an object with an id, or null. Any other value means no
// reference.
func (r *ref) UnmarshalJSON(data []byte) error {
	*r = ""
	switch data[0] {
	case '"':
		return json.Unmarshal(data, (*string)(r))
	case '{':
		var o struct {
			ID string `json:"id"`
		}
		if err := json.Unmarshal(data, &o); err != nil {
			return err
		}
		*r = ref(o.ID)
	}
	return nil
}

// header holds the fields of every object.
type header struct {
	stripe.APIResource
	ID     string `json:"id"`
	Object string `json:"object"`
}

// faultAs returns why the object can't be of the given type, or "". A proxy's page may be JSON too.
func (h *header) faultAs(object string) string {
	switch {
	case h.Object != "" && h.Object != object:
		return "the answer is not a " + object
	case h.ID == "":
		return "the answer has no id"
	}
	return ""
}

type wirePaymentIntent struct {
	header
	Status             string          `json:"status"`
	Amount             number          `json:"amount"`
	AmountReceived     number          `json:"amount_received"`
	Currency           string          `json:"currency"`
	Customer           ref             `json:"customer"`
	PaymentMethod      ref             `json:"payment_method"`
	ReceiptEmail       string          `json:"receipt_email"`
	ClientSecret       string          `json:"client_secret"`
	SetupFutureUsage   string          `json:"setup_future_usage"`
	LatestCharge       wireCharge      `json:"latest_charge"`
	Charges            json.RawMessage `json:"charges"` // parsed separately: newer versions have none
	Metadata           texts           `json:"metadata"`
	Created            seconds         `json:"created"`
	Livemode           bool            `json:"livemode"`
	LastPaymentError   *wireError      `json:"last_payment_error"`
	CancellationReason string          `json:"cancellation_reason"`
}

// fault also requires a status, because without it the outcome of the payment is unknown.
func (p *wirePaymentIntent) fault() string {
	if f := p.faultAs("payment_intent"); f != "" {
		return f
	}
	if p.Status == "" {
		return "the answer has no status"
	}
	return ""
}

// latest returns the latest charge. Versions before 2022-11-15 have a list of charges instead,
// newest first.
func (p *wirePaymentIntent) latest() wireCharge {
	var charges struct {
		Data []wireCharge `json:"data"`
	}
	if p.LatestCharge.id != "" || json.Unmarshal(p.Charges, &charges) != nil || len(charges.Data) == 0 {
		return p.LatestCharge
	}
	return charges.Data[0]
}

type wirePaymentIntentList struct {
	stripe.APIResource
	stripe.ListMeta
	Object string               `json:"object"`
	Data   []*wirePaymentIntent `json:"data"`
}

// fault requires a list with only readable PaymentIntents: an unreadable one may be the one that
// the caller looks for.
func (l *wirePaymentIntentList) fault() string {
	if l.Object != "" && l.Object != "list" || l.Data == nil {
		return "the answer is not a list"
	}
	for _, p := range l.Data {
		if p == nil {
			return "the list has an empty entry"
		}
		if f := p.fault(); f != "" {
			return f
		}
	}
	return ""
}

type wireSetupIntent struct {
	header
	Status        string  `json:"status"`
	Customer      ref     `json:"customer"`
	PaymentMethod ref     `json:"payment_method"`
	ClientSecret  string  `json:"client_secret"`
	Metadata      texts   `json:"metadata"`
	Created       seconds `json:"created"`
}

func (s *wireSetupIntent) fault() string { return s.faultAs("setup_intent") }

type wirePaymentMethod struct {
	header
	Type     string  `json:"type"`
	Created  seconds `json:"created"`
	Customer ref     `json:"customer"`
	Card     struct {
		Brand       string `json:"brand"`
		Last4       string `json:"last4"`
		ExpMonth    number `json:"exp_month"`
		ExpYear     number `json:"exp_year"`
		Fingerprint string `json:"fingerprint"`
	} `json:"card"`
	BillingDetails struct {
		Email string `json:"email"`
		Name  string `json:"name"`
	} `json:"billing_details"`
}

func (m *wirePaymentMethod) fault() string { return m.faultAs("payment_method") }

type wireCustomer struct {
	header
	Deleted bool `json:"deleted"`
}

func (c *wireCustomer) fault() string { return c.faultAs("customer") }

// wireError is the body of an error, or a PaymentIntent's last_payment_error, which has the same
// fields.
type wireError struct {
	Type               string          `json:"type"`
	Code               string          `json:"code"`
	DeclineCode        string          `json:"decline_code"`
	AdviceCode         string          `json:"advice_code"`
	NetworkAdviceCode  string          `json:"network_advice_code"`
	NetworkDeclineCode string          `json:"network_decline_code"`
	Message            string          `json:"message"`
	Param              string          `json:"param"`
	Charge             ref             `json:"charge"`
	PaymentMethod      ref             `json:"payment_method"`
	PaymentIntent      json.RawMessage `json:"payment_intent"` // parsed separately: an odd PaymentIntent must not hide the error
}
