package billing

import "slices"

// Reason says why a payment did not go through, in a form that a customer may be told. It is a key:
// mails and pages hold its words in each language. What must not be told (fraud, a card reported
// lost or stolen) is ReasonDeclined.
type Reason string

const (
	// ReasonDeclined says no more than that the bank declined.
	ReasonDeclined Reason = "declined"
	// ReasonFunds is too little money on the account of the card.
	ReasonFunds Reason = "funds"
	// ReasonLimit is a limit of the card's, by amount or by number of payments.
	ReasonLimit Reason = "limit"
	// ReasonTemporary is a fault at the bank or on the way to it.
	ReasonTemporary Reason = "temporary"
	// ReasonExpired is a card past its month.
	ReasonExpired Reason = "expired"
	// ReasonDetails is a wrong number, check digit, date or address.
	ReasonDetails Reason = "details"
	// ReasonUnsupported is a card that can't be used for such a payment.
	ReasonUnsupported Reason = "unsupported"
	// ReasonAuthenticate is a bank that wants the customer to confirm the payment.
	ReasonAuthenticate Reason = "authenticate"
	// ReasonNoCard is a saved card that is there no more.
	ReasonNoCard Reason = "no_card"
	// ReasonNoCardSaved is a plan that never had a card.
	ReasonNoCardSaved Reason = "no_card_saved"
	// ReasonOurs is a fault that the customer can do nothing about.
	ReasonOurs Reason = "ours"
)

// Reasons lists every reason.
func Reasons() []Reason {
	return []Reason{
		ReasonDeclined, ReasonFunds, ReasonLimit, ReasonTemporary, ReasonExpired, ReasonDetails, ReasonUnsupported,
		ReasonAuthenticate, ReasonNoCard, ReasonNoCardSaved, ReasonOurs,
	}
}

// For returns the reason as it holds for a plan: a plan that never had a card has not lost one.
func (r Reason) For(p Plan) Reason {
	if r == ReasonNoCard && p.CardID == "" {
		return ReasonNoCardSaved
	}
	return r
}

// Valid says whether r is one of Reasons.
func (r Reason) Valid() bool { return slices.Contains(Reasons(), r) }
