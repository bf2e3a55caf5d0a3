package notify

import "tranche/internal/billing"

// reasonText says in words why a payment did not go through. It is empty for a reason it does not know.
func reasonText(r billing.Reason) string {
	switch r {
	case billing.ReasonDeclined:
		return "Your bank declined the payment."
	case billing.ReasonFunds:
		return "There was not enough money available on the card."
	case billing.ReasonLimit:
		return "The card's limit was reached."
	case billing.ReasonTemporary:
		return "Your bank could not process the payment at that moment."
	case billing.ReasonExpired:
		return "The card has expired."
	case billing.ReasonDetails:
		return "The card's details are not right."
	case billing.ReasonUnsupported:
		return "The card can't be used for this payment."
	case billing.ReasonAuthenticate:
		return "Your bank wants you to confirm this payment."
	case billing.ReasonNoCard:
		return "The saved card can no longer be charged."
	case billing.ReasonOurs:
		return "The payment could not be processed. You need not do anything."
	}
	return ""
}
