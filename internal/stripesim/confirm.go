package stripesim

import (
	"fmt"
	"maps"
	"slices"
)

func (s *Server) confirmPaymentIntent(c *call) (any, *apiError) {
	found, err := s.pathIntent(c)
	if err != nil {
		return nil, err
	}
	if err := confirmable(c, found); err != nil {
		return nil, err
	}
	draft := *found
	if err := s.fillPayment(c, &draft); err != nil {
		return nil, err
	}
	method, err := s.prepareConfirm(c, &draft)
	if err != nil {
		return nil, err
	}
	*found = draft
	if err := s.pay(c, found, method); err != nil {
		return nil, err
	}
	return found.show(c), nil
}

// confirmable checks the state, and the permissions of a publishable key.
func confirmable(c *call, intent *paymentIntent) *apiError {
	why := map[string]string{
		succeeded:       "because it has already succeeded after being previously confirmed.",
		canceled:        "because it has a status of canceled. Only a PaymentIntent with one of the following statuses may be confirmed: requires_confirmation, requires_action.",
		requiresCapture: "because it has already been confirmed and is awaiting capture.",
		processing: "because it has a status of processing. Only a PaymentIntent with one of the following statuses may be confirmed: " +
			"requires_confirmation, requires_action.",
	}[intent.status]
	if why != "" {
		return unexpectedState("You cannot confirm this PaymentIntent "+why, "payment_intent", intent.show(c))
	}
	if c.client && c.in.has("off_session") {
		return invalid("", "The parameter off_session cannot be used with a publishable key.").on("off_session")
	}
	if c.client && intent.confirmationMethod == "manual" {
		return invalid("", "The PaymentIntent requires a secret key to be confirmed: its confirmation_method is manual.").on("confirmation_method")
	}
	return nil
}

// prepareConfirm makes every check that can refuse a confirmation before money
// is tried, and returns the PaymentMethod to charge.
func (s *Server) prepareConfirm(c *call, intent *paymentIntent) (*paymentMethod, *apiError) {
	method, ok := s.state.paymentMethods.get(intent.paymentMethod)
	if !ok {
		return nil, unexpectedState("You cannot confirm this PaymentIntent because it's missing a payment method. You can either update the "+
			"PaymentIntent with a payment method and then confirm it again, or confirm it again directly with a payment method or ConfirmationToken.",
			"payment_intent", intent.show(c))
	}
	if err := usable(intent, method); err != nil {
		return nil, err
	}
	if !slices.Contains(intent.types, "card") {
		return nil, invalid("", "The PaymentMethod provided (card) is not allowed for this PaymentIntent.").on("payment_method")
	}
	intent.offSession = c.in.has("off_session") && c.in.str("off_session") != "false"
	return method, checkSession(c, intent)
}

// checkSession applies the rules between off_session, return_url,
// error_on_requires_action and setup_future_usage.
func checkSession(c *call, intent *paymentIntent) *apiError {
	redirects := intent.automatic != nil && intent.automatic["allow_redirects"] == "always"
	switch {
	case intent.offSession && intent.usage() != "":
		return invalid("", "You can not confirm a PaymentIntent with off_session=true when setup_future_usage is also set on the PaymentIntent. "+
			"The customer needs to be on-session to perform the steps which may be required to set up the PaymentMethod for future usage. "+
			"Please confirm this PaymentIntent with your customer on-session.").on("off_session")
	case redirects && c.in.flag("error_on_requires_action"):
		return invalid("", "error_on_requires_action cannot be used with automatic_payment_methods that allow redirects. Set "+
			"automatic_payment_methods[allow_redirects] to never, or pass payment_method_types.").on("error_on_requires_action")
	case redirects && !intent.offSession && !c.client && !c.in.has("return_url"):
		return invalid("", "This PaymentIntent is configured to accept payment methods enabled in your Dashboard. Because some of these payment "+
			"methods might redirect your customer off of your page, you must provide a `return_url`. If you don't want to accept redirect-based "+
			"payment methods, set `automatic_payment_methods[enabled]` to `true` and `automatic_payment_methods[allow_redirects]` to `never` when "+
			"creating Setup Intents and Payment Intents.").on("return_url")
	case intent.offSession && c.in.has("return_url"):
		return invalid("", "The return_url parameter cannot be used when off_session is true.").on("return_url")
	}
	return nil
}

// pay makes one attempt. The error is the 402 of a decline, which also changes the intent.
func (s *Server) pay(c *call, intent *paymentIntent, method *paymentMethod) *apiError {
	intent.confirms++
	intent.lastError, intent.nextAction = nil, nil
	found := s.assess(attempt{
		method: method, now: s.opts.Now(), offSession: intent.offSession, forced: c.decline,
		asked3DS: method.card.asked(intent.cardOptions),
	})
	wish, waits := processingOf(c, intent, method)
	switch {
	case found.challenge && c.in.flag("error_on_requires_action"):
		return s.declinePayment(c, intent, method, "authentication_not_handled")
	case found.challenge:
		s.challenge(c, intent)
		return nil
	case waits && found.decline != "authentication_required" && !lookupDecline(found.decline).noCharge:
		s.beginProcessing(c, intent, wish, found.decline)
		return nil
	case found.decline != "":
		return s.declinePayment(c, intent, method, found.decline)
	}
	var threeDS object
	if method.card.frictionless {
		threeDS = authenticatedBy(frictionlessFlow)
	}
	s.succeed(c, intent, method, threeDS)
	return nil
}

// declinePayment ends an attempt that the issuer, or Radar, refused.
func (s *Server) declinePayment(c *call, intent *paymentIntent, method *paymentMethod, code string) *apiError {
	refused := lookupDecline(code)
	body := s.errorBody(refused)
	s.applyOverrides(body, method)
	method.declined++
	if method.customer == "" {
		method.consumed = true
	}
	body["payment_method"] = method.view()
	if !refused.noCharge && (c == nil || !c.noCharge) && method.metadata[metaNoCharge] != "true" {
		s.failCharge(c, intent, method, refused, body)
	} else {
		s.fail(intent, body)
	}
	s.afterFailure(c, intent)
	full := maps.Clone(body)
	full["payment_intent"] = intent.view()
	full["request_log_url"] = "https://dashboard.stripe.com/test/logs/" + requestOf(c)
	if c != nil && c.client {
		full["payment_intent"] = intent.show(c)
	}
	return &apiError{status: 402, body: full}
}

// failCharge stores the charge of a refused attempt, and names it in the error.
func (s *Server) failCharge(c *call, intent *paymentIntent, method *paymentMethod, refused decline, body object) {
	failed := s.newCharge(intent, method)
	body["payment_method"] = method.view()
	failed.status, failed.failureCode, failed.failureMessage = "failed", refused.code, refused.message
	failed.outcome = s.outcomeOf(refused, method.card.risk)
	s.applyOverrides(failed.outcome, method)
	s.state.charges.add(failed.id, failed)
	body["charge"] = failed.id
	s.fail(intent, body)
	intent.latestCharge = failed.id
	s.emit(c, "charge.failed", failed.view(), nil)
}

func requestOf(c *call) string {
	if c == nil {
		return ""
	}
	return c.requestID
}

// fail returns an intent to the status that requires a PaymentMethod.
func (s *Server) fail(intent *paymentIntent, lastError object) {
	intent.status, intent.paymentMethod = requiresPaymentMethod, ""
	intent.nextAction, intent.lastError = nil, lastError
}

// afterFailure emits the events of a failure, and cancels an intent that has been confirmed too
// often.
func (s *Server) afterFailure(c *call, intent *paymentIntent) {
	s.emit(c, "payment_intent.payment_failed", intent.view(), nil)
	if intent.confirms >= s.opts.ConfirmLimit {
		s.cancelIntent(c, intent, "automatic")
	}
}

// succeed ends an attempt that was approved. threeDS is nil without 3-D Secure.
func (s *Server) succeed(c *call, intent *paymentIntent, method *paymentMethod, threeDS object) {
	made := s.newCharge(intent, method)
	made.status, made.captured = "succeeded", intent.amount
	made.balanceTransaction, made.receiptURL = s.random.id("txn_3"), "https://pay.stripe.com/receipts/payment/"+s.random.text(96)
	s.payOut(intent, made)
	made.cardDetails["three_d_secure"] = orNullObject(threeDS)
	made.outcome = object{
		"network_status": "approved_by_network", "reason": nil, "risk_level": method.card.risk, "risk_score": riskScore(method.card.risk),
		"seller_message": "Payment complete.", "type": "authorized",
	}
	s.state.charges.add(made.id, made)
	intent.latestCharge, intent.nextAction, intent.lastError = made.id, nil, nil
	s.keepMethod(c, intent, method)
	if intent.captureMethod == "manual" {
		made.captured, made.balanceTransaction = 0, ""
		intent.status, intent.amountCapturable = requiresCapture, intent.amount
		s.emit(c, "charge.succeeded", made.view(), nil)
		s.emit(c, "payment_intent.amount_capturable_updated", intent.view(), nil)
		return
	}
	intent.status, intent.amountReceived = succeeded, intent.amount
	s.emit(c, "charge.succeeded", made.view(), nil)
	s.emit(c, "payment_intent.succeeded", intent.view(), nil)
	s.troubleAfter(c, made, method.card)
}

// keepMethod applies setup_future_usage after a payment: attach to the
// intent's customer, leave attachable, or consume.
func (s *Server) keepMethod(c *call, intent *paymentIntent, method *paymentMethod) {
	method.paid++
	if intent.usage() != "" {
		method.setUp = true
	}
	switch {
	case method.customer != "":
	case intent.usage() == "":
		method.consumed = true
	case intent.customer != "":
		s.attach(c, method, intent.customer)
	}
}

func (s *Server) cancelPaymentIntent(c *call) (any, *apiError) {
	found, err := s.pathIntent(c)
	if err != nil {
		return nil, err
	}
	if found.status == succeeded || found.status == canceled || found.status == processing {
		return nil, unexpectedState(fmt.Sprintf("You cannot cancel this PaymentIntent because it has a status of %s. Only a PaymentIntent with "+
			"one of the following statuses may be canceled: requires_payment_method, requires_capture, requires_confirmation, requires_action.",
			found.status), "payment_intent", found.view())
	}
	s.cancelIntent(c, found, c.in.str("cancellation_reason"))
	return found.view(), nil
}

func (s *Server) cancelIntent(c *call, intent *paymentIntent, reason string) {
	intent.status, intent.cancellationReason, intent.canceledAt = canceled, reason, s.now()
	intent.nextAction, intent.amountCapturable = nil, 0
	s.emit(c, "payment_intent.canceled", intent.view(), nil)
}

func (s *Server) capturePaymentIntent(c *call) (any, *apiError) {
	found, err := s.pathIntent(c)
	if err != nil {
		return nil, err
	}
	if found.status != requiresCapture {
		return nil, unexpectedState(fmt.Sprintf("This PaymentIntent could not be captured because it has a status of %s. Only a PaymentIntent "+
			"with one of the following statuses may be captured: requires_capture.", found.status), "payment_intent", found.view())
	}
	amount := found.amount
	if c.in.has("amount_to_capture") {
		amount = c.in.num("amount_to_capture")
	}
	if amount > found.amountCapturable {
		return nil, invalid("amount_too_large", "The provided amount_to_capture is greater than the capturable amount.").on("amount_to_capture")
	}
	found.metadata = mergeMetadata(found.metadata, c.in)
	found.status, found.amountReceived, found.amountCapturable = succeeded, amount, 0
	if paid, ok := s.state.charges.get(found.latestCharge); ok {
		paid.captured, paid.balanceTransaction = amount, s.random.id("txn_3")
		s.emit(c, "charge.captured", paid.view(), nil)
	}
	s.emit(c, "payment_intent.succeeded", found.view(), nil)
	return found.view(), nil
}
