package billing

import "slices"

// Reason is why a payment failed, in a form that a customer may see. It is a key: mails and pages
// hold its text in each language. Causes that customers must not see (fraud, a card reported lost
// or stolen) are mapped to ReasonDeclined.
type Reason string

const (
	// ReasonDeclined reveals no more than that the bank declined.
	ReasonDeclined Reason = "declined"
	// ReasonFunds is insufficient funds.
	ReasonFunds Reason = "funds"
	// ReasonLimit is a limit of the card, by amount or by number of payments.
	ReasonLimit Reason = "limit"
	// ReasonTemporary is a temporary fault at the bank or in the network.
	ReasonTemporary Reason = "temporary"
	// ReasonExpired is an expired card.
	ReasonExpired Reason = "expired"
	// ReasonDetails is a wrong number, check digit, date or address.
	ReasonDetails Reason = "details"
	// ReasonUnsupported is a card that can't be used for this kind of payment.
	ReasonUnsupported Reason = "unsupported"
	// ReasonAuthenticate is a bank that requires the customer to confirm the payment.
	ReasonAuthenticate Reason = "authenticate"
	// ReasonNoCard is a saved card that no longer exists.
	ReasonNoCard Reason = "no_card"
	// ReasonNoCardSaved is a plan that never had a card.
	ReasonNoCardSaved Reason = "no_card_saved"
	// ReasonOurs is a fault that the customer can't fix.
	ReasonOurs Reason = "ours"
)

// Reasons lists every reason.
func Reasons() []Reason {
	return []Reason{
		ReasonDeclined, ReasonFunds, ReasonLimit, ReasonTemporary, ReasonExpired, ReasonDetails, ReasonUnsupported,
		ReasonAuthenticate, ReasonNoCard, ReasonNoCardSaved, ReasonOurs,
	}
}

// For returns the reason as it applies to a plan: a plan that never had a card has not lost one.
func (r Reason) For(p Plan) Reason {
	if r == ReasonNoCard && p.CardID == "" {
		return ReasonNoCardSaved
	}
	return r
}

// Valid reports whether r is one of Reasons.
func (r Reason) Valid() bool { return slices.Contains(Reasons(), r) }
