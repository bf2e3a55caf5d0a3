package stripesim

import "net/url"

// challenge leaves the intent waiting for the customer to authenticate.
func (s *Server) challenge(c *call, intent *paymentIntent) {
	intent.status = requiresAction
	intent.pendingReturnURL = c.in.str("return_url")
	intent.nextAction = s.nextAction(c, "payment_intent", intent.id)
	s.emit(c, "payment_intent.requires_action", intent.view(), nil)
}

// nextAction returns redirect_to_url if the caller sent a return_url and does not use Stripe.js,
// else use_stripe_sdk.
func (s *Server) nextAction(c *call, kind, id string) object {
	target := c.base + "/_sim/authenticate?" + kind + "=" + url.QueryEscape(id)
	if account := s.name(); account != "" {
		target += "&account=" + url.QueryEscape(account)
	}
	if back := c.in.str("return_url"); back != "" && !c.in.flag("use_stripe_sdk") {
		return object{"type": "redirect_to_url", "redirect_to_url": object{"return_url": back, "url": target}}
	}
	return object{"type": "use_stripe_sdk", "use_stripe_sdk": object{
		"type": "three_d_secure_redirect", "stripe_js": target, "source": s.random.id("src_1"),
	}}
}

// The values of authentication_flow.
const (
	challengeFlow    = "challenge"
	frictionlessFlow = "frictionless"
)

// authenticatedBy returns the three_d_secure field of a charge that was authenticated.
func authenticatedBy(flow string) object {
	return object{
		"authentication_flow": flow, "electronic_commerce_indicator": "05", "exemption_indicator": nil,
		"result": "authenticated", "result_reason": nil, "transaction_id": "6d8c1a9e-3d5e-4c2f-9f5b-5d6b1c0a4e11", "version": "2.2.0",
	}
}

// Authenticate ends the 3-D Secure challenge of a PaymentIntent or SetupIntent that is in
// requires_action: successfully, if pass is true. It returns the intent in Stripe's JSON, even if
// the payment was declined afterwards. Errors: *APIError if the intent is unknown or does not wait
// for a challenge.
func (s *Server) Authenticate(intentID string, pass bool) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if intent, ok := s.state.paymentIntents.get(intentID); ok {
		if intent.status != requiresAction {
			return nil, publicError(unexpectedState("This PaymentIntent is not waiting for authentication: its status is "+intent.status+".",
				"payment_intent", intent.view()))
		}
		s.authenticatePayment(intent, pass)
		return encode(intent.view()), nil
	}
	if intent, ok := s.state.setupIntents.get(intentID); ok {
		if intent.status != requiresAction {
			return nil, publicError(unexpectedState("This SetupIntent is not waiting for authentication: its status is "+intent.status+".",
				"setup_intent", intent.view()))
		}
		s.authenticateSetup(intent, pass)
		return encode(intent.view()), nil
	}
	return nil, publicError(missing(404, "intent", intentID, "intent"))
}

func (s *Server) authenticatePayment(intent *paymentIntent, pass bool) {
	method, ok := s.state.paymentMethods.get(intent.paymentMethod)
	if !ok {
		return
	}
	if !pass {
		s.fail(intent, authenticationFailure("payment_intent", method))
		s.afterFailure(nil, intent)
		return
	}
	found := s.assess(attempt{method: method, now: s.opts.Now(), authenticated: true})
	if found.decline != "" {
		s.declinePayment(nil, intent, method, found.decline)
		return
	}
	s.succeed(nil, intent, method, authenticatedBy(challengeFlow))
}

// authenticationFailure returns last_payment_error, or last_setup_error, after a failed challenge.
func authenticationFailure(field string, method *paymentMethod) object {
	code := field + "_authentication_failure"
	return object{
		"type": "invalid_request_error", "code": code, "doc_url": docURL(code), "payment_method": method.view(),
		"message": "We are unable to authenticate your payment method. Please choose a different payment method and try again.",
	}
}
