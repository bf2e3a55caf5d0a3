package stripesim

import "strings"

func customerRoutes() []route {
	return []route{
		{method: post, pattern: "/v1/customers", params: customerParams().with(params{
			"payment_method": text(), "tax_id_data": anything(), "test_clock": text(),
		}), handle: (*Server).createCustomer},
		{method: get, pattern: "/v1/customers", params: paged(params{"email": text(), "created": timeRange()}), handle: (*Server).listCustomers},
		{method: get, pattern: "/v1/customers/*", params: expandOnly(), handle: (*Server).getCustomer},
		{method: post, pattern: "/v1/customers/*", params: customerParams(), handle: (*Server).updateCustomer},
		{method: del, pattern: "/v1/customers/*", params: params{}, handle: (*Server).deleteCustomer},
		{method: get, pattern: "/v1/customers/*/payment_methods", params: paged(params{"type": enum("card", "link", "us_bank_account")}),
			handle: (*Server).listCustomerPaymentMethods},
		{method: get, pattern: "/v1/customers/*/payment_methods/*", params: expandOnly(), handle: (*Server).getCustomerPaymentMethod},
	}
}

func customerParams() params {
	return params{
		"email": clearableText(), "name": clearableText(), "phone": clearableText(), "description": clearableText(),
		"metadata": metadataParam(), "address": anything(), "shipping": anything(), "balance": integer(-maxAmount, 0),
		"preferred_locales": listOf(), "tax_exempt": clearable(enum("exempt", "none", "reverse")), "invoice_prefix": text(),
		"invoice_settings": hash(params{
			"default_payment_method": clearableText(), "footer": clearableText(), "custom_fields": anything(), "rendering_options": anything(),
		}),
		"expand": listOf(),
	}
}

func (s *Server) createCustomer(c *call) (any, *apiError) {
	made := &customer{created: s.now(), taxExempt: "none", metadata: map[string]string{}}
	var method *paymentMethod
	if c.in.has("payment_method") {
		var err *apiError
		if method, err = s.paymentMethodParam(c.in.str("payment_method")); err != nil {
			return nil, err
		}
		if err := s.attachable(method, ""); err != nil {
			return nil, err
		}
	}
	if err := s.fillCustomer(c, made, method); err != nil {
		return nil, err
	}
	made.id = s.random.id("cus_")[:18]
	made.invoicePrefix = strings.ToUpper(s.random.text(8))
	s.state.customers.add(made.id, made)
	if method != nil {
		s.attach(c, method, made.id)
	}
	s.emit(c, "customer.created", made.view(), nil)
	return made.view(), nil
}

// setDefault applies invoice_settings[default_payment_method]: a PaymentMethod of the customer's,
// or the one that is attached with this request.
func (s *Server) setDefault(c *call, to *customer, attached *paymentMethod) *apiError {
	settings := c.in.get("invoice_settings")
	id := settings.str("default_payment_method")
	if id != "" && attached != nil && id == c.in.str("payment_method") {
		to.defaultPaymentMethod = attached.id // a magic id stands for the PaymentMethod that was made of it
		return nil
	}
	if id != "" {
		method, ok := s.state.paymentMethods.get(id)
		if !ok {
			return missing(400, "PaymentMethod", id, "invoice_settings[default_payment_method]")
		}
		if method.customer == "" || method.customer != to.id {
			return invalid("resource_missing", "The customer does not have a payment method with the ID "+id+
				". The payment method must be attached to the customer.").on("invoice_settings[default_payment_method]")
		}
	}
	setText(&to.defaultPaymentMethod, settings, "default_payment_method")
	return nil
}

// fillCustomer applies the parameters that creation and update share. attached is the PaymentMethod
// that creation attaches, or nil.
func (s *Server) fillCustomer(c *call, to *customer, attached *paymentMethod) *apiError {
	if err := s.setDefault(c, to, attached); err != nil {
		return err
	}
	setText(&to.email, c.in, "email")
	setText(&to.name, c.in, "name")
	setText(&to.phone, c.in, "phone")
	setText(&to.description, c.in, "description")
	setText(&to.invoicePrefix, c.in, "invoice_prefix")
	if c.in.str("tax_exempt") != "" {
		to.taxExempt = c.in.str("tax_exempt")
	}
	if c.in.has("balance") {
		to.balance = c.in.num("balance")
	}
	if c.in.has("preferred_locales") {
		to.locales = c.in.items("preferred_locales")
	}
	if c.in.has("address") {
		to.address = nil
		if c.in.get("address").isHash() {
			to.address = addressOf(c.in.get("address"))
		}
	}
	if c.in.has("shipping") {
		to.shipping = shippingOf(c.in.get("shipping"))
	}
	to.metadata = mergeMetadata(to.metadata, c.in)
	return nil
}

func (s *Server) listCustomers(c *call) (any, *apiError) {
	found := keep(s.state.customers.oldestFirst(), func(one *customer) bool {
		return !one.deleted && matches(c.in, "email", one.email) && inCreated(c.in, one.created)
	})
	return page(c, "customer", found, func(one *customer) string { return one.id }, (*customer).view)
}

func (s *Server) getCustomer(c *call) (any, *apiError) {
	found, ok := s.state.customers.get(c.ids[0])
	if !ok {
		return nil, missing(404, "customer", c.ids[0], "id")
	}
	return found.view(), nil
}

// liveCustomer finds a customer that is not deleted.
func (s *Server) liveCustomer(id, param string, status int) (*customer, *apiError) {
	found, ok := s.state.customers.get(id)
	if !ok || found.deleted {
		return nil, missing(status, "customer", id, param)
	}
	return found, nil
}

func (s *Server) updateCustomer(c *call) (any, *apiError) {
	found, err := s.liveCustomer(c.ids[0], "id", 404)
	if err != nil {
		return nil, err
	}
	before, draft := found.view(), *found
	if err := s.fillCustomer(c, &draft, nil); err != nil {
		return nil, err
	}
	*found = draft
	s.emitChange(c, "customer.updated", before, found.view())
	return found.view(), nil
}

func (s *Server) deleteCustomer(c *call) (any, *apiError) {
	found, err := s.liveCustomer(c.ids[0], "id", 404)
	if err != nil {
		return nil, err
	}
	last := found.view()
	for _, method := range s.state.paymentMethods.oldestFirst() {
		if method.customer == found.id {
			s.detach(c, method)
		}
	}
	found.deleted = true
	s.emit(c, "customer.deleted", last, nil)
	return found.view(), nil
}

func (s *Server) listCustomerPaymentMethods(c *call) (any, *apiError) {
	if _, err := s.liveCustomer(c.ids[0], "customer", 404); err != nil {
		return nil, err
	}
	return s.pageOfCustomer(c, c.ids[0])
}

func (s *Server) pageOfCustomer(c *call, customerID string) (any, *apiError) {
	found := keep(s.state.paymentMethods.oldestFirst(), func(one *paymentMethod) bool {
		return customerID != "" && one.customer == customerID && matches(c.in, "type", "card")
	})
	return page(c, "PaymentMethod", found, func(one *paymentMethod) string { return one.id }, (*paymentMethod).view)
}

func (s *Server) getCustomerPaymentMethod(c *call) (any, *apiError) {
	if _, err := s.liveCustomer(c.ids[0], "customer", 404); err != nil {
		return nil, err
	}
	found, ok := s.state.paymentMethods.get(c.ids[1])
	if !ok || found.customer != c.ids[0] {
		return nil, missing(404, "PaymentMethod", c.ids[1], "payment_method")
	}
	return found.view(), nil
}
