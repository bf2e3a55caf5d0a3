package stripesim

import (
	"fmt"
	"slices"
	"strings"
)

// Statuses of PaymentIntents and SetupIntents.
const (
	requiresPaymentMethod = "requires_payment_method"
	requiresConfirmation  = "requires_confirmation"
	requiresAction        = "requires_action"
	requiresCapture       = "requires_capture"
	processing            = "processing"
	succeeded             = "succeeded"
	canceled              = "canceled"
)

func paymentIntentRoutes() []route {
	const base = "/v1/payment_intents"
	return []route{
		{method: post, pattern: base, params: paymentIntentCreateParams(), handle: (*Server).createPaymentIntent},
		{method: get, pattern: base, params: paged(params{"customer": text(), "created": timeRange()}), handle: (*Server).listPaymentIntents},
		{method: get, pattern: base + "/*", params: params{"client_secret": text(), "expand": listOf()},
			handle: (*Server).getPaymentIntent, client: true},
		{method: post, pattern: base + "/*", params: paymentIntentUpdateParams(), handle: (*Server).updatePaymentIntent},
		{method: post, pattern: base + "/*/confirm", params: paymentIntentConfirmParams(), handle: (*Server).confirmPaymentIntent, client: true},
		{method: post, pattern: base + "/*/cancel", handle: (*Server).cancelPaymentIntent, params: params{
			"cancellation_reason": enum("duplicate", "fraudulent", "requested_by_customer", "abandoned"), "expand": listOf(),
		}},
		{method: post, pattern: base + "/*/capture", handle: (*Server).capturePaymentIntent, params: params{
			"amount_to_capture": integer(1, 0), "metadata": metadataParam(), "expand": listOf(),
		}},
	}
}

// paymentParams are common to create, update and confirm.
func paymentParams() params {
	return params{
		"payment_method": clearableText(), "payment_method_types": listOf("card", "link"), "payment_method_options": anything(),
		"payment_method_data": hash(params{
			"type": required(enum("card")), "card": cardParam(), "billing_details": anything(), "metadata": metadataParam(), "radar_options": anything(),
		}),
		"setup_future_usage": clearable(enum("on_session", "off_session")), "receipt_email": clearableText(), "shipping": anything(),
		"capture_method": enum("automatic", "automatic_async", "manual"), "expand": listOf(),
	}
}

func describingParams() params {
	return params{
		"customer": text(), "description": clearableText(), "metadata": metadataParam(), "statement_descriptor": clearableText(),
		"statement_descriptor_suffix": clearableText(), "transfer_group": clearableText(), "payment_method_configuration": text(),
	}
}

func confirmingParams() params {
	return params{
		"off_session": enum("true", "false", "one_off", "recurring"), "error_on_requires_action": boolean(), "return_url": text(),
		"use_stripe_sdk": boolean(), "mandate": text(), "mandate_data": anything(), "radar_options": anything(),
	}
}

func paymentIntentCreateParams() params {
	return paymentParams().with(describingParams()).with(confirmingParams()).with(params{
		"amount": required(integer(1, 0)), "currency": required(param{kind: kindCurrency}), "confirm": boolean(),
		"confirmation_method": enum("automatic", "manual"), "application_fee_amount": integer(0, 0), "on_behalf_of": text(),
		"transfer_data": hash(params{"destination": required(text()), "amount": integer(0, 0)}),
		"automatic_payment_methods": hash(params{
			"enabled": required(boolean()), "allow_redirects": enum("always", "never"),
		}),
	})
}

func paymentIntentUpdateParams() params {
	return paymentParams().with(describingParams()).with(params{"amount": integer(1, 0), "currency": {kind: kindCurrency}})
}

func paymentIntentConfirmParams() params {
	return paymentParams().with(confirmingParams()).with(params{"client_secret": text()})
}

func (s *Server) createPaymentIntent(c *call) (any, *apiError) {
	made := s.blankIntent(c)
	if err := s.checkIntent(c, made); err != nil {
		return nil, err
	}
	if err := s.fillIntent(c, made); err != nil {
		return nil, err
	}
	var method *paymentMethod
	if c.in.flag("confirm") {
		var err *apiError
		if method, err = s.prepareConfirm(c, made); err != nil {
			return nil, err
		}
	}
	s.state.paymentIntents.add(made.id, made)
	s.emit(c, "payment_intent.created", made.view(), nil)
	if method != nil {
		if err := s.pay(c, made, method); err != nil {
			return nil, err
		}
	}
	return made.view(), nil
}

// checkIntent refuses parameters that conflict, and a destination that does not exist.
func (s *Server) checkIntent(c *call, made *paymentIntent) *apiError {
	if !c.in.flag("confirm") && c.in.has("off_session") && c.in.str("off_session") != "false" {
		return invalid("", "off_session can only be used when confirm is true.").on("off_session").notSaved()
	}
	if c.in.has("automatic_payment_methods") && c.in.has("payment_method_types") && made.automatic != nil {
		return invalid("", "You may only specify one of these parameters: automatic_payment_methods, payment_method_types.").
			on("automatic_payment_methods").notSaved()
	}
	if err := s.checkFee(made); err != nil {
		return err
	}
	if to, ok := made.transfer["destination"].(string); ok && s.lookup(to) == nil {
		return missing(400, "destination", to, "transfer_data[destination]")
	}
	return nil
}

// checkFee refuses an application fee unless the payment is made on, or goes to, a connected
// account.
func (s *Server) checkFee(made *paymentIntent) *apiError {
	if made.fee == 0 || made.transfer != nil || s.platform != nil {
		return nil
	}
	return invalid("", "Can only apply an application_fee_amount when the PaymentIntent is attempting a direct payment (using an OAuth key or "+
		"Stripe-Account header) or destination payment (using `transfer_data[destination]`).").on("application_fee_amount").notSaved()
}

func (s *Server) blankIntent(c *call) *paymentIntent {
	id := s.random.id("pi_3")
	made := &paymentIntent{
		id: id, clientSecret: id + "_secret_" + s.random.text(25), created: s.now(), status: requiresPaymentMethod,
		captureMethod: "automatic", confirmationMethod: "automatic", types: []string{"card"},
		cardOptions: object{"installments": nil, "mandate_options": nil, "network": nil, "request_three_d_secure": "automatic"},
	}
	setText(&made.confirmationMethod, c.in, "confirmation_method")
	setText(&made.onBehalfOf, c.in, "on_behalf_of")
	made.fee = c.in.num("application_fee_amount")
	if to := c.in.get("transfer_data"); to != nil {
		made.transfer = object{"destination": to.str("destination")}
		if to.has("amount") {
			made.transfer["amount"] = to.num("amount")
		}
	}
	made.automatic = automaticOf(c.in)
	return made
}

// automaticOf returns automatic_payment_methods; without payment_method_types, this API version
// enables them, including redirects.
func automaticOf(in *node) object {
	given := in.get("automatic_payment_methods")
	if given == nil && in.has("payment_method_types") {
		return nil
	}
	if given != nil && !given.flag("enabled") {
		return nil
	}
	redirects := "always"
	if given.has("allow_redirects") {
		redirects = given.str("allow_redirects")
	}
	return object{"enabled": true, "allow_redirects": redirects}
}

// fillIntent applies the parameters that create and update share.
func (s *Server) fillIntent(c *call, to *paymentIntent) *apiError {
	if c.in.has("amount") {
		to.amount = c.in.num("amount")
	}
	if c.in.has("currency") {
		to.currency = strings.ToLower(c.in.str("currency"))
	}
	if err := checkAmount(to.amount, to.currency); err != nil {
		return err
	}
	if c.in.has("customer") {
		if _, err := s.liveCustomer(c.in.str("customer"), "customer", 400); err != nil {
			return err
		}
		to.customer = c.in.str("customer")
	}
	setText(&to.description, c.in, "description")
	setText(&to.statementDescriptor, c.in, "statement_descriptor")
	setText(&to.statementSuffix, c.in, "statement_descriptor_suffix")
	setText(&to.transferGroup, c.in, "transfer_group")
	to.metadata = mergeMetadata(to.metadata, c.in)
	return s.fillPayment(c, to)
}

// fillPayment applies the parameters that confirm shares with the others.
func (s *Server) fillPayment(c *call, to *paymentIntent) *apiError {
	setText(&to.receiptEmail, c.in, "receipt_email")
	setText(&to.captureMethod, c.in, "capture_method")
	if c.in.has("shipping") {
		to.shipping = shippingOf(c.in.get("shipping"))
	}
	if c.in.has("payment_method_types") {
		to.types = c.in.items("payment_method_types")
	}
	options, err := changeOptions(to.cardOptions, c.in)
	if err != nil {
		return err
	}
	to.cardOptions = options
	if err := setFutureUsage(c, to); err != nil {
		return err
	}
	return s.choosePaymentMethod(c, to)
}

func setFutureUsage(c *call, to *paymentIntent) *apiError {
	if !c.in.has("setup_future_usage") {
		return nil
	}
	asked := c.in.str("setup_future_usage")
	if c.client && to.setupFutureUsage != "" && asked != to.setupFutureUsage && asked != "off_session" {
		return invalid("", "When using a publishable key, setup_future_usage can only be changed from on_session to off_session.").
			on("setup_future_usage")
	}
	to.setupFutureUsage = asked
	return nil
}

// choosePaymentMethod applies payment_method or payment_method_data.
func (s *Server) choosePaymentMethod(c *call, to *paymentIntent) *apiError {
	var method *paymentMethod
	var err *apiError
	switch {
	case c.in.has("payment_method_data"):
		if method, err = s.newPaymentMethod(c.in.get("payment_method_data")); err != nil {
			return err
		}
		s.state.paymentMethods.add(method.id, method)
	case c.in.str("payment_method") != "":
		if method, err = s.paymentMethodParam(c.in.str("payment_method")); err != nil {
			return err
		}
	case c.in.has("payment_method"):
		to.paymentMethod, to.status = "", requiresPaymentMethod
		return nil
	default:
		return nil
	}
	if err := usable(to, method); err != nil {
		return err
	}
	to.paymentMethod, to.status = method.id, requiresConfirmation
	to.nextAction, to.lastError = nil, nil
	return nil
}

// usable checks that a PaymentIntent may be paid with a PaymentMethod.
func usable(intent *paymentIntent, method *paymentMethod) *apiError {
	switch {
	case method.customer == "" && (method.consumed || method.detached):
		return invalid("", "The provided PaymentMethod was previously used with a PaymentIntent without Customer attachment, shared with a "+
			"connected account without Customer attachment, or was detached from a Customer. It may not be used again. To use a PaymentMethod "+
			"multiple times, you must attach it to a Customer first.")
	case method.customer != "" && method.customer != intent.customer:
		return invalid("", fmt.Sprintf("The `payment_method` parameter supplied %s belongs to the Customer %s. Please include the Customer in the "+
			"`customer` parameter on the PaymentIntent.", method.id, method.customer))
	}
	return nil
}

func (s *Server) listPaymentIntents(c *call) (any, *apiError) {
	if c.in.has("customer") {
		if _, ok := s.state.customers.get(c.in.str("customer")); !ok {
			return nil, missing(400, "customer", c.in.str("customer"), "customer")
		}
	}
	found := keep(s.state.paymentIntents.oldestFirst(), func(one *paymentIntent) bool {
		return matches(c.in, "customer", one.customer) && inCreated(c.in, one.created)
	})
	return page(c, "payment_intent", found, func(one *paymentIntent) string { return one.id }, (*paymentIntent).view)
}

func (s *Server) pathIntent(c *call) (*paymentIntent, *apiError) {
	found, ok := s.state.paymentIntents.get(c.ids[0])
	if !ok {
		return nil, missing(404, "payment_intent", c.ids[0], "intent")
	}
	if err := clientMay(c, found.clientSecret, "payment_intent", "PaymentIntent"); err != nil {
		return nil, err
	}
	return found, nil
}

// clientMay checks the client secret, which a request with a publishable key must contain.
func clientMay(c *call, secret, field, name string) *apiError {
	given := c.in.str("client_secret")
	if c.client && given == "" {
		return secretKeyRequired()
	}
	if given != "" && given != secret {
		return invalid(field+"_invalid_parameter", fmt.Sprintf("The client_secret provided does not match any associated %s on this account. "+
			"Ensure the publishable key used belongs to the same account that created the %s.", name, name)).on("client_secret")
	}
	return nil
}

// show renders an intent for the caller's kind of key.
func (p *paymentIntent) show(c *call) object {
	if c.client {
		return p.view().only(clientPaymentIntent)
	}
	return p.view()
}

func (s *Server) getPaymentIntent(c *call) (any, *apiError) {
	found, err := s.pathIntent(c)
	if err != nil {
		return nil, err
	}
	return found.show(c), nil
}

func (s *Server) updatePaymentIntent(c *call) (any, *apiError) {
	found, err := s.pathIntent(c)
	if err != nil {
		return nil, err
	}
	if err := changeable(c, found); err != nil {
		return nil, err
	}
	draft := *found
	if err := s.fillIntent(c, &draft); err != nil {
		return nil, err
	}
	draft.lastError = nil
	*found = draft
	return found.view(), nil
}

// changeable allows only descriptive fields to change once an intent is paid or canceled.
func changeable(c *call, intent *paymentIntent) *apiError {
	if !slices.Contains([]string{succeeded, canceled, requiresCapture, processing}, intent.status) {
		return nil
	}
	for _, name := range []string{"amount", "currency", "customer", "payment_method", "payment_method_data", "payment_method_types",
		"setup_future_usage", "capture_method"} {
		if c.in.has(name) {
			return unexpectedState(fmt.Sprintf("This PaymentIntent's %s could not be updated because it has a status of %s. You may only update "+
				"the %s of a PaymentIntent with one of the following statuses: requires_payment_method, requires_confirmation, requires_action.",
				name, intent.status, name), "payment_intent", intent.view()).on(name)
		}
	}
	return nil
}
