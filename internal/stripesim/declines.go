package stripesim

import "slices"

// decline is an issuer's reason to refuse a charge, with the fields of its error.
type decline struct {
	code, declineCode, message, param       string
	advice, networkAdvice, networkDecline   string
	reason                                  string // of the charge's outcome, when not declineCode
	blocked, hideDeclineCode, notFromIssuer bool
	noCharge                                bool // it is refused before there is a charge
}

const (
	declinedMessage = "Your card was declined."
	authMessage     = "Your card was declined. This transaction requires authentication."
)

// declines are the refusals whose details are known; see lookupDecline for the others.
var declines = []decline{
	{declineCode: "insufficient_funds", message: "Your card has insufficient funds.", advice: "try_again_later", networkAdvice: "02", networkDecline: "51"},
	{declineCode: "generic_decline", advice: "try_again_later", networkDecline: "01"},
	{declineCode: "lost_card", advice: "do_not_try_again", networkAdvice: "01", networkDecline: "41"},
	{declineCode: "stolen_card", advice: "do_not_try_again", networkAdvice: "01", networkDecline: "43"},
	{code: "expired_card", declineCode: "expired_card", message: "Your card has expired.", param: "exp_month",
		advice: "confirm_card_data", networkAdvice: "03", networkDecline: "54", hideDeclineCode: true},
	{code: "incorrect_cvc", declineCode: "incorrect_cvc", message: "Your card's security code is incorrect.", param: "cvc",
		advice: "confirm_card_data", networkAdvice: "03", networkDecline: "N7", hideDeclineCode: true},
	{code: "processing_error", declineCode: "processing_error", advice: "try_again_later", networkDecline: "06", hideDeclineCode: true,
		message: "An error occurred while processing your card. Try again in a little bit."},
	{declineCode: "card_velocity_exceeded", advice: "try_again_later", networkAdvice: "02", networkDecline: "61",
		message: "Your card was declined for making repeated attempts too frequently or exceeding its amount limit."},
	{code: "authentication_required", declineCode: "authentication_required", message: authMessage},
	{code: "authentication_required", declineCode: "authentication_not_handled",
		message: "This payment required an authentication action to complete, but `error_on_requires_action` was set."},
	{declineCode: "do_not_honor", advice: "try_again_later", networkDecline: "05"},
	{declineCode: "pickup_card", advice: "do_not_try_again", networkAdvice: "01", networkDecline: "04"},
	{declineCode: "restricted_card", advice: "do_not_try_again", networkAdvice: "01", networkDecline: "62"},
	{declineCode: "transaction_not_allowed", advice: "do_not_try_again", networkAdvice: "01", networkDecline: "57"},
	{declineCode: "revocation_of_authorization", advice: "do_not_try_again", networkAdvice: "03", networkDecline: "R1"},
	{declineCode: "revocation_of_all_authorizations", advice: "do_not_try_again", networkAdvice: "21", networkDecline: "R3"},
	{declineCode: "stop_payment_order", advice: "do_not_try_again", networkAdvice: "21", networkDecline: "R0"},
	{declineCode: "do_not_try_again", advice: "do_not_try_again", networkAdvice: "03", networkDecline: "79"},
	{declineCode: "withdrawal_count_limit_exceeded", advice: "try_again_later", networkAdvice: "02", networkDecline: "65"},
	{declineCode: "card_not_supported", message: "Your card does not support this type of purchase."},
	{declineCode: "fraudulent", message: declinedMessage, advice: "do_not_try_again", networkDecline: "59"},
	{code: "card_decline_rate_limit_exceeded", declineCode: "card_decline_rate_limit_exceeded", hideDeclineCode: true, notFromIssuer: true,
		message: "This card has been declined too many times. You can try to charge this card again after 24 hours."},
	{code: "india_recurring_payment_mandate_canceled", declineCode: "india_recurring_payment_mandate_canceled", hideDeclineCode: true,
		notFromIssuer: true, noCharge: true, message: "The customer canceled the mandate for recurring payments with this card."},
	{declineCode: "transaction_not_approved"},
	{declineCode: "highest_risk_level", reason: "highest_risk_level", blocked: true},
}

// ownCodes are the decline codes that are also the error's code.
var ownCodes = []string{
	"incorrect_number", "invalid_number", "incorrect_zip", "incorrect_address", "invalid_expiry_month",
	"invalid_expiry_year", "invalid_cvc",
}

// lookupDecline describes any decline code; unknown ones are plain card_declined.
func lookupDecline(name string) decline {
	found := decline{declineCode: name}
	for _, known := range declines {
		if known.declineCode == name {
			found = known
			break
		}
	}
	if found.code == "" {
		found.code = "card_declined"
		if slices.Contains(ownCodes, name) {
			found.code = name
		}
	}
	if found.message == "" {
		found.message = declinedMessage
	}
	if found.reason == "" {
		found.reason = name
	}
	if found.blocked {
		found.declineCode = "fraudulent"
	}
	return found
}

// errorBody returns the decline as Stripe's error object, without the objects that the caller adds.
func (s *Server) errorBody(d decline) object {
	body := object{"type": "card_error", "code": d.code, "message": d.message, "doc_url": docURL(d.code)}
	if !d.hideDeclineCode || s.opts.FullDeclineCode && !d.notFromIssuer {
		body["decline_code"] = d.declineCode
	}
	if d.param != "" {
		body["param"] = d.param
	}
	s.addAdvice(body, d)
	return body
}

func (s *Server) addAdvice(body object, d decline) {
	if s.opts.OmitAdvice {
		return
	}
	for name, value := range map[string]string{
		"advice_code": d.advice, "network_advice_code": d.networkAdvice, "network_decline_code": d.networkDecline,
	} {
		if value != "" {
			body[name] = value
		}
	}
}

// outcomeOf returns the outcome field of a refused charge.
func (s *Server) outcomeOf(d decline, risk string) object {
	out := object{
		"network_status": "declined_by_network", "reason": d.reason, "risk_level": risk, "risk_score": riskScore(risk),
		"seller_message": sellerMessage(d), "type": "issuer_declined",
	}
	if d.blocked {
		out["network_status"], out["type"] = "not_sent_to_network", "blocked"
		out["risk_level"], out["risk_score"] = "highest", riskScore("highest")
	}
	s.addAdvice(out, d)
	return out
}

func sellerMessage(d decline) string {
	switch {
	case d.blocked:
		return "Stripe blocked this payment as too risky."
	case d.declineCode == "insufficient_funds":
		return "The bank returned the decline code `insufficient_funds`."
	case d.declineCode == "generic_decline":
		return "The bank did not return any further details with this decline."
	}
	return "The bank returned the decline code `" + d.declineCode + "`."
}

func riskScore(level string) int64 {
	switch level {
	case "highest":
		return 92
	case "elevated":
		return 70
	}
	return 24
}
