package collect

import "tranche/internal/billing"

// result is what Stripe's answer shows of an attempt.
type result struct {
	outcome      billing.Outcome
	failure      billing.Failure
	pi           billing.PaymentIntent // ID is empty if it is not known
	stripeCharge string
	requestID    string

	replaces string // the charge's PaymentIntent that pi replaced, if the database had lost the replacement

	refused   bool  // Stripe refused the request itself; no card was charged
	cardGone  bool  // the card can't be charged any more
	again     bool  // no card was charged, and a new attempt may be made at once
	lookedUp  bool  // read from a fetched or listed PaymentIntent, not from the call's answer
	elsewhere bool  // Stripe knows neither customer nor card: the key belongs to another account
	err       error // why the outcome is unknown
}

// failed reports whether the attempt ended without taking money.
func (r result) failed() bool {
	switch r.outcome {
	case billing.OutcomeDeclined, billing.OutcomeRequiresAction, billing.OutcomeError:
		return true
	}
	return false
}

// Codes of Tranche, for attempts that did not reach the card's issuer, if Stripe gave no code or a
// less specific one. They are stored where Stripe's own code would be.
const (
	codeNeverArrived = "never_arrived"
	codeNotConfirmed = "not_confirmed"
	codeSetupLeft    = "setup_future_usage_left"
	codeRefused      = "request_refused"
	codeServerFailed = "stripe_failed"
)

// noCharge is the result of an attempt that did not reach the card's issuer. After the first such
// result a new attempt follows at once. After a second in a row the request counts as refused.
func noCharge(pi billing.PaymentIntent, code, message string) result {
	return result{
		outcome: billing.OutcomeError, refused: true, again: true, pi: pi, requestID: pi.RequestID,
		failure: billing.Failure{Code: code, Message: message},
	}
}

// fromIntent reads the outcome from a PaymentIntent's status. A payment with an unknown status
// counts as processing, because money may be on its way: it is checked again, and nothing new is
// sent.
func fromIntent(pi billing.PaymentIntent) result {
	r := result{pi: pi, stripeCharge: pi.LatestCharge, requestID: pi.RequestID}
	switch pi.Status {
	case billing.IntentSucceeded:
		r.outcome = billing.OutcomeSucceeded
	case billing.IntentRequiresConfirmation:
		return noCharge(pi, codeNotConfirmed, "Stripe made the PaymentIntent and did not confirm it")
	case billing.IntentRequiresAction:
		r.outcome = billing.OutcomeRequiresAction
	case billing.IntentCanceled:
		r.outcome = billing.OutcomeCanceled
	case billing.IntentRequiresPaymentMethod:
		r.outcome = billing.OutcomeDeclined
		r.failure = billing.Failure{Code: "card_declined", Message: "Stripe gave no reason"}
		if pi.LastError != nil {
			r.failure = *pi.LastError
		}
	default:
		r.outcome = billing.OutcomeProcessing
	}
	return r
}
