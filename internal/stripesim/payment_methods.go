package stripesim

import (
	"fmt"
	"maps"
)

func paymentMethodRoutes() []route {
	const base = "/v1/payment_methods"
	return []route{
		{method: post, pattern: base, handle: (*Server).createPaymentMethod, client: true, params: params{
			"type": enum("card"), "card": cardParam(), "billing_details": anything(), "metadata": metadataParam(), "expand": listOf(),
		}},
		{method: get, pattern: base, handle: (*Server).listPaymentMethods,
			params: paged(params{"customer": text(), "type": enum("card", "link", "us_bank_account", "sepa_debit")})},
		{method: get, pattern: base + "/*", handle: (*Server).getPaymentMethod, params: expandOnly()},
		{method: post, pattern: base + "/*", handle: (*Server).updatePaymentMethod, params: params{
			"billing_details": anything(), "metadata": metadataParam(), "expand": listOf(),
			"card": hash(params{"exp_month": integer(1, 12), "exp_year": integer(1970, 9999), "networks": anything()}),
		}},
		{method: post, pattern: base + "/*/attach", handle: (*Server).attachPaymentMethod,
			params: params{"customer": required(text()), "expand": listOf()}},
		{method: post, pattern: base + "/*/detach", handle: (*Server).detachPaymentMethod, params: expandOnly()},
	}
}

func cardParam() param {
	return hash(params{
		"number": text(), "exp_month": integer(0, 0), "exp_year": integer(0, 0), "cvc": text(), "token": text(), "networks": anything(),
	})
}

func (s *Server) createPaymentMethod(c *call) (any, *apiError) {
	if !c.in.has("type") {
		return nil, invalid("parameter_missing", "Missing required param: type.").on("type").notSaved()
	}
	made, err := s.newPaymentMethod(c.in)
	if err != nil {
		return nil, err
	}
	s.state.paymentMethods.add(made.id, made)
	return made.view(), nil
}

// newPaymentMethod builds a card from card[number] or card[token]; the caller
// stores it once the rest of the request has been accepted.
func (s *Server) newPaymentMethod(in *node) (*paymentMethod, *apiError) {
	given := in.get("card")
	if given == nil {
		return nil, invalid("parameter_missing", "Missing required param: card.").on("card").notSaved()
	}
	if token := given.str("token"); token != "" {
		card, ok := cardByMagic(token)
		if !ok {
			return nil, missing(400, "token", token, "card[token]")
		}
		return s.buildPaymentMethod(card, in, s.futureExpiry(), false), nil
	}
	card, err := s.checkCard(given)
	if err != nil {
		return nil, err
	}
	expiry := [2]int64{given.num("exp_month"), fullYear(given.num("exp_year"))}
	return s.buildPaymentMethod(card, in, expiry, given.has("cvc")), nil
}

// futureExpiry returns the expiry of the magic cards: August, two years ahead.
func (s *Server) futureExpiry() [2]int64 { return [2]int64{8, int64(s.opts.Now().Year() + 2)} }

func fullYear(year int64) int64 {
	if year < 100 {
		return 2000 + year
	}
	return year
}

func (s *Server) buildPaymentMethod(card testCard, in *node, expiry [2]int64, hasCVC bool) *paymentMethod {
	return &paymentMethod{
		id: s.random.id("pm_1"), created: s.now(), card: card, number: card.number, expMonth: expiry[0], expYear: expiry[1],
		hasCVC: hasCVC, billing: billingOf(in.get("billing_details")), metadata: mergeMetadata(nil, in),
	}
}

func billingOf(in *node) object {
	return object{
		"address": addressOf(in.get("address")), "email": orNull(in.str("email")), "name": orNull(in.str("name")),
		"phone": orNull(in.str("phone")),
	}
}

// checkCard refuses impossible card data, as Stripe does when the customer enters it.
func (s *Server) checkCard(in *node) (testCard, *apiError) {
	number := digits(in.str("number"))
	month, year := in.num("exp_month"), fullYear(in.num("exp_year"))
	now := s.opts.Now()
	switch {
	case !in.has("number"), !in.has("exp_month"), !in.has("exp_year"):
		return testCard{}, invalid("parameter_missing", "Missing required param: card[number], card[exp_month] and card[exp_year].").on("card").notSaved()
	case !luhn(number):
		return testCard{}, s.cardTyped("incorrect_number", "Your card number is incorrect.", "number")
	case month < 1 || month > 12:
		return testCard{}, s.cardTyped("invalid_expiry_month", "Your card's expiration month is invalid.", "exp_month")
	case year > int64(now.Year()+50), year < int64(now.Year()), year == int64(now.Year()) && month < int64(now.Month()):
		return testCard{}, s.cardTyped("invalid_expiry_year", "Your card's expiration year is invalid.", "exp_year")
	case in.has("cvc") && (len(in.str("cvc")) < 3 || len(in.str("cvc")) > 4):
		return testCard{}, s.cardTyped("invalid_cvc", "Your card's security code is invalid.", "cvc")
	}
	card, ok := cardByNumber(number)
	if !ok {
		return testCard{}, s.cardTyped("card_declined", "Your card was declined. Your request was in test mode, but used a non test card. "+
			"For a list of valid test cards, visit: https://stripe.com/docs/testing.", "").with("decline_code", "test_mode_live_card")
	}
	return card, nil
}

func (s *Server) cardTyped(code, message, param string) *apiError {
	err := newError(402, "card_error", code, message)
	if param != "" {
		err.on(param)
	}
	return err
}

func digits(text string) string {
	out := make([]byte, 0, len(text))
	for _, r := range []byte(text) {
		if r != ' ' && r != '-' {
			out = append(out, r)
		}
	}
	return string(out)
}

// paymentMethodParam finds the PaymentMethod a parameter names. A magic id
// makes a new one each time.
func (s *Server) paymentMethodParam(id string) (*paymentMethod, *apiError) {
	if card, ok := cardByMagic(id); ok {
		made := s.buildPaymentMethod(card, nil, s.futureExpiry(), false)
		s.state.paymentMethods.add(made.id, made)
		return made, nil
	}
	found, ok := s.state.paymentMethods.get(id)
	if !ok {
		return nil, missing(400, "PaymentMethod", id, "payment_method")
	}
	return found, nil
}

func (s *Server) pathPaymentMethod(c *call) (*paymentMethod, *apiError) {
	if _, ok := cardByMagic(c.ids[0]); ok {
		return s.paymentMethodParam(c.ids[0])
	}
	found, ok := s.state.paymentMethods.get(c.ids[0])
	if !ok {
		return nil, missing(404, "PaymentMethod", c.ids[0], "payment_method")
	}
	return found, nil
}

func (s *Server) getPaymentMethod(c *call) (any, *apiError) {
	found, err := s.pathPaymentMethod(c)
	if err != nil {
		return nil, err
	}
	return found.view(), nil
}

func (s *Server) listPaymentMethods(c *call) (any, *apiError) {
	if c.in.has("customer") {
		if _, err := s.liveCustomer(c.in.str("customer"), "customer", 400); err != nil {
			return nil, err
		}
	}
	return s.pageOfCustomer(c, c.in.str("customer"))
}

func (s *Server) updatePaymentMethod(c *call) (any, *apiError) {
	found, err := s.pathPaymentMethod(c)
	if err != nil {
		return nil, err
	}
	before := found.view()
	if c.in.has("card") && found.customer == "" {
		return nil, invalid("", "You must save this PaymentMethod to a customer before you can update it.")
	}
	if card := c.in.get("card"); card.has("exp_month") {
		found.expMonth = card.num("exp_month")
	}
	if card := c.in.get("card"); card.has("exp_year") {
		found.expYear = card.num("exp_year")
	}
	if c.in.has("billing_details") {
		found.billing = mergeBilling(found.billing, c.in.get("billing_details"))
	}
	found.metadata = mergeMetadata(found.metadata, c.in)
	s.emitChange(c, "payment_method.updated", before, found.view())
	return found.view(), nil
}

func mergeBilling(old object, in *node) object {
	out := maps.Clone(old)
	for _, name := range []string{"email", "name", "phone"} {
		if in.has(name) {
			out[name] = orNull(in.str(name))
		}
	}
	if in.has("address") {
		out["address"] = addressOf(in.get("address"))
	}
	return out
}

func (s *Server) attachPaymentMethod(c *call) (any, *apiError) {
	owner, err := s.liveCustomer(c.in.str("customer"), "customer", 400)
	if err != nil {
		return nil, err
	}
	method, err := s.pathPaymentMethod(c)
	if err != nil {
		return nil, err
	}
	if method.customer == owner.id {
		return method.view(), nil
	}
	if err := s.attachable(method, owner.id); err != nil {
		return nil, err
	}
	s.attach(c, method, owner.id)
	return method.view(), nil
}

// attachable checks that a PaymentMethod may be attached to a customer.
func (s *Server) attachable(method *paymentMethod, customerID string) *apiError {
	switch {
	case method.customer != "" && method.customer != customerID:
		return invalid("", "The payment method you provided has already been attached to a customer.")
	case method.consumed, method.detached:
		return invalid("", "This PaymentMethod was previously used without being attached to a Customer or was detached from a Customer, "+
			"and may not be used again.")
	case method.card.decline != "" && !method.card.attachOK && method.customer == "":
		refused := lookupDecline(method.card.decline)
		return &apiError{status: 402, body: s.errorBody(refused)}
	}
	return nil
}

func (s *Server) attach(c *call, method *paymentMethod, customerID string) {
	if method.customer == customerID {
		return
	}
	method.customer, method.checked = customerID, true
	s.emit(c, "payment_method.attached", method.view(), nil)
}

func (s *Server) detachPaymentMethod(c *call) (any, *apiError) {
	method, err := s.pathPaymentMethod(c)
	if err != nil {
		return nil, err
	}
	if method.customer == "" {
		return nil, invalid("", "The payment method you provided is not attached to a customer so detachment is impossible.")
	}
	s.detach(c, method)
	return method.view(), nil
}

func (s *Server) detach(c *call, method *paymentMethod) {
	previous := object{"customer": method.customer}
	if owner, ok := s.state.customers.get(method.customer); ok && owner.defaultPaymentMethod == method.id {
		owner.defaultPaymentMethod = ""
	}
	method.customer, method.detached = "", true
	s.emit(c, "payment_method.detached", method.view(), previous)
}

// UpdateCard plays the card networks' account updater: it gives a saved card a new expiry and emits
// payment_method.automatically_updated. Months are 1 to 12. The error reports that the
// PaymentMethod is unknown or has no customer.
func (s *Server) UpdateCard(paymentMethodID string, expMonth, expYear int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	found, ok := s.state.paymentMethods.get(paymentMethodID)
	if !ok || found.customer == "" {
		return fmt.Errorf("stripesim: payment method %q is not attached to a customer", paymentMethodID)
	}
	if expMonth < 1 || expMonth > 12 {
		return fmt.Errorf("stripesim: expiry month %d is not 1 to 12", expMonth)
	}
	before := found.view()
	found.expMonth, found.expYear = int64(expMonth), int64(expYear)
	s.emitChange(nil, "payment_method.automatically_updated", before, found.view())
	return nil
}

// ReplaceCard plays the account updater after the bank issued a new card: the PaymentMethod gets
// another number, which may be of another brand. The number is one of the test cards. The error
// reports that it is not, or that the PaymentMethod is unknown or has no customer.
func (s *Server) ReplaceCard(paymentMethodID, number string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	found, ok := s.state.paymentMethods.get(paymentMethodID)
	if !ok || found.customer == "" {
		return fmt.Errorf("stripesim: payment method %q is not attached to a customer", paymentMethodID)
	}
	card, ok := cardByNumber(number)
	if !ok {
		return fmt.Errorf("stripesim: %q is not the number of a test card", number)
	}
	before := found.view()
	found.card, found.number = card, number
	s.emitChange(nil, "payment_method.automatically_updated", before, found.view())
	return nil
}
