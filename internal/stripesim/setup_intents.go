package stripesim

import (
	"fmt"
	"maps"
)

func setupIntentRoutes() []route {
	const base = "/v1/setup_intents"
	return []route{
		{method: post, pattern: base, params: setupIntentParams().with(params{
			"confirm": boolean(), "usage": enum("off_session", "on_session"), "return_url": text(), "use_stripe_sdk": boolean(),
			"mandate_data": anything(), "automatic_payment_methods": hash(params{
				"enabled": required(boolean()), "allow_redirects": enum("always", "never"),
			}),
		}), handle: (*Server).createSetupIntent},
		{method: get, pattern: base, handle: (*Server).listSetupIntents,
			params: paged(params{"customer": text(), "payment_method": text(), "created": timeRange()})},
		{method: get, pattern: base + "/*", params: params{"client_secret": text(), "expand": listOf()},
			handle: (*Server).getSetupIntent, client: true},
		{method: post, pattern: base + "/*", params: setupIntentParams(), handle: (*Server).updateSetupIntent},
		{method: post, pattern: base + "/*/confirm", handle: (*Server).confirmSetupIntent, client: true, params: params{
			"payment_method": text(), "payment_method_data": paymentParams()["payment_method_data"], "payment_method_options": anything(),
			"return_url": text(), "use_stripe_sdk": boolean(), "client_secret": text(), "mandate_data": anything(), "expand": listOf(),
		}},
		{method: post, pattern: base + "/*/cancel", handle: (*Server).cancelSetupIntent, params: params{
			"cancellation_reason": enum("abandoned", "requested_by_customer", "duplicate"), "expand": listOf(),
		}},
	}
}

func setupIntentParams() params {
	return params{
		"customer": text(), "payment_method": clearableText(), "payment_method_data": paymentParams()["payment_method_data"],
		"payment_method_types": listOf("card", "link"), "payment_method_options": anything(), "description": clearableText(),
		"metadata": metadataParam(), "expand": listOf(),
	}
}

func (s *Server) createSetupIntent(c *call) (any, *apiError) {
	id := s.random.id("seti_1")
	made := &setupIntent{
		id: id, clientSecret: id + "_secret_" + s.random.text(31), created: s.now(), status: requiresPaymentMethod, usage: "off_session",
		types: []string{"card"}, automatic: automaticOf(c.in),
		cardOptions: object{"mandate_options": nil, "network": nil, "request_three_d_secure": "automatic"},
	}
	setText(&made.usage, c.in, "usage")
	if err := s.fillSetup(c, made); err != nil {
		return nil, err
	}
	var method *paymentMethod
	if c.in.flag("confirm") {
		var err *apiError
		if method, err = s.prepareSetup(c, made); err != nil {
			return nil, err
		}
	}
	s.state.setupIntents.add(made.id, made)
	s.emit(c, "setup_intent.created", made.view(), nil)
	if method != nil {
		if err := s.trySetup(c, made, method); err != nil {
			return nil, err
		}
	}
	return made.view(), nil
}

func (s *Server) fillSetup(c *call, to *setupIntent) *apiError {
	if c.in.has("customer") {
		if _, err := s.liveCustomer(c.in.str("customer"), "customer", 400); err != nil {
			return err
		}
		to.customer = c.in.str("customer")
	}
	if c.in.has("payment_method_types") {
		to.types = c.in.items("payment_method_types")
	}
	setText(&to.description, c.in, "description")
	to.metadata = mergeMetadata(to.metadata, c.in)
	return s.chooseSetupMethod(c, to)
}

func (s *Server) chooseSetupMethod(c *call, to *setupIntent) *apiError {
	options, err := changeOptions(to.cardOptions, c.in)
	if err != nil {
		return err
	}
	to.cardOptions = options
	as := &paymentIntent{customer: to.customer, paymentMethod: to.paymentMethod, status: to.status}
	if err := s.choosePaymentMethod(c, as); err != nil {
		return err
	}
	to.paymentMethod, to.status = as.paymentMethod, as.status
	return nil
}

func (s *Server) listSetupIntents(c *call) (any, *apiError) {
	found := keep(s.state.setupIntents.oldestFirst(), func(one *setupIntent) bool {
		return matches(c.in, "customer", one.customer) && matches(c.in, "payment_method", one.paymentMethod) && inCreated(c.in, one.created)
	})
	return page(c, "setup_intent", found, func(one *setupIntent) string { return one.id }, (*setupIntent).view)
}

func (s *Server) pathSetup(c *call) (*setupIntent, *apiError) {
	found, ok := s.state.setupIntents.get(c.ids[0])
	if !ok {
		return nil, missing(404, "setupintent", c.ids[0], "intent")
	}
	if err := clientMay(c, found.clientSecret, "setup_intent", "SetupIntent"); err != nil {
		return nil, err
	}
	return found, nil
}

func (i *setupIntent) show(c *call) object {
	if c != nil && c.client {
		return i.view().only(clientSetupIntent)
	}
	return i.view()
}

func (s *Server) getSetupIntent(c *call) (any, *apiError) {
	found, err := s.pathSetup(c)
	if err != nil {
		return nil, err
	}
	return found.show(c), nil
}

func (s *Server) updateSetupIntent(c *call) (any, *apiError) {
	found, err := s.pathSetup(c)
	if err != nil {
		return nil, err
	}
	if found.status == succeeded || found.status == canceled {
		return nil, unexpectedState(fmt.Sprintf("You cannot update this SetupIntent because it has a status of %s.", found.status),
			"setup_intent", found.view())
	}
	draft := *found
	if err := s.fillSetup(c, &draft); err != nil {
		return nil, err
	}
	*found = draft
	return found.view(), nil
}

func (s *Server) confirmSetupIntent(c *call) (any, *apiError) {
	found, err := s.pathSetup(c)
	if err != nil {
		return nil, err
	}
	if found.status == succeeded || found.status == canceled {
		return nil, unexpectedState(fmt.Sprintf("You cannot confirm this SetupIntent because it has a status of %s.", found.status),
			"setup_intent", found.show(c))
	}
	draft := *found
	if err := s.chooseSetupMethod(c, &draft); err != nil {
		return nil, err
	}
	method, err := s.prepareSetup(c, &draft)
	if err != nil {
		return nil, err
	}
	*found = draft
	if err := s.trySetup(c, found, method); err != nil {
		return nil, err
	}
	return found.show(c), nil
}

func (s *Server) prepareSetup(c *call, intent *setupIntent) (*paymentMethod, *apiError) {
	method, ok := s.state.paymentMethods.get(intent.paymentMethod)
	if !ok {
		return nil, unexpectedState("You cannot confirm this SetupIntent because it's missing a payment method. Update the SetupIntent with a "+
			"payment method and then confirm it again.", "setup_intent", intent.show(c))
	}
	if err := usable(&paymentIntent{customer: intent.customer}, method); err != nil {
		return nil, err
	}
	if intent.automatic != nil && intent.automatic["allow_redirects"] == "always" && !c.client && !c.in.has("return_url") {
		return nil, invalid("", "This SetupIntent is configured to accept payment methods enabled in your Dashboard. Because some of these payment "+
			"methods might redirect your customer off of your page, you must provide a `return_url`.").on("return_url")
	}
	return method, nil
}

// trySetup makes one attempt to set up a card. Cards whose charges fail (0341, 3178) can be set up.
func (s *Server) trySetup(c *call, intent *setupIntent, method *paymentMethod) *apiError {
	intent.attempt = s.random.id("setatt_1")
	intent.lastError, intent.nextAction = nil, nil
	code := c.decline
	if code == "" && !method.card.attachOK {
		code = method.card.decline
	}
	needs3DS := method.card.auth != authNever || method.card.asked(intent.cardOptions) || code == "authentication_required"
	switch {
	case code != "" && code != "authentication_required":
		return s.declineSetup(c, intent, method, code)
	case needs3DS && method.card.fails3DS != "":
		return s.declineSetup(c, intent, method, method.card.fails3DS)
	case needs3DS:
		intent.status = requiresAction
		intent.pendingReturnURL = c.in.str("return_url")
		intent.nextAction = s.nextAction(c, "setup_intent", intent.id)
		s.emit(c, "setup_intent.requires_action", intent.view(), nil)
		return nil
	}
	s.completeSetup(c, intent, method)
	return nil
}

func (s *Server) declineSetup(c *call, intent *setupIntent, method *paymentMethod, code string) *apiError {
	body := s.errorBody(lookupDecline(code))
	body["payment_method"] = method.view()
	intent.status, intent.paymentMethod, intent.lastError = requiresPaymentMethod, "", body
	s.emit(c, "setup_intent.setup_failed", intent.view(), nil)
	full := maps.Clone(body)
	full["setup_intent"] = intent.show(c)
	return &apiError{status: 402, body: full}
}

func (s *Server) completeSetup(c *call, intent *setupIntent, method *paymentMethod) {
	intent.status, intent.nextAction, intent.lastError = succeeded, nil, nil
	method.setUp, method.checked = true, true
	if intent.customer != "" {
		s.attach(c, method, intent.customer)
	}
	s.emit(c, "setup_intent.succeeded", intent.view(), nil)
}

func (s *Server) authenticateSetup(intent *setupIntent, pass bool) {
	method, ok := s.state.paymentMethods.get(intent.paymentMethod)
	if !ok {
		return
	}
	if pass {
		s.completeSetup(nil, intent, method)
		return
	}
	intent.status, intent.paymentMethod, intent.nextAction = requiresPaymentMethod, "", nil
	intent.lastError = authenticationFailure("setup_intent", method)
	s.emit(nil, "setup_intent.setup_failed", intent.view(), nil)
}

func (s *Server) cancelSetupIntent(c *call) (any, *apiError) {
	found, err := s.pathSetup(c)
	if err != nil {
		return nil, err
	}
	if found.status == succeeded || found.status == canceled {
		return nil, unexpectedState(fmt.Sprintf("You cannot cancel this SetupIntent because it has a status of %s. Only a SetupIntent with one of the "+
			"following statuses may be canceled: requires_payment_method, requires_confirmation, requires_action.", found.status),
			"setup_intent", found.view())
	}
	found.status, found.cancellationReason, found.nextAction = canceled, c.in.str("cancellation_reason"), nil
	s.emit(c, "setup_intent.canceled", found.view(), nil)
	return found.view(), nil
}
