package stripesim

import (
	"fmt"
)

func moneyRoutes() []route {
	return []route{
		{method: get, pattern: "/v1/charges", handle: (*Server).listCharges,
			params: paged(params{"customer": text(), "payment_intent": text(), "created": timeRange()})},
		{method: get, pattern: "/v1/charges/*", handle: (*Server).getCharge, params: expandOnly()},
		{method: post, pattern: "/v1/refunds", handle: (*Server).createRefund, params: params{
			"charge": text(), "payment_intent": text(), "amount": integer(1, 0), "metadata": metadataParam(), "expand": listOf(),
			"reverse_transfer": boolean(), "refund_application_fee": boolean(),
			"reason": enum("duplicate", "fraudulent", "requested_by_customer"),
		}},
		{method: get, pattern: "/v1/refunds", handle: (*Server).listRefunds,
			params: paged(params{"charge": text(), "payment_intent": text(), "created": timeRange()})},
		{method: get, pattern: "/v1/refunds/*", handle: (*Server).getRefund, params: expandOnly()},
		{method: post, pattern: "/v1/refunds/*", handle: (*Server).updateRefund, params: params{"metadata": metadataParam(), "expand": listOf()}},
		{method: get, pattern: "/v1/disputes", handle: (*Server).listDisputes,
			params: paged(params{"charge": text(), "payment_intent": text(), "created": timeRange()})},
		{method: get, pattern: "/v1/disputes/*", handle: (*Server).getDispute, params: expandOnly()},
	}
}

// newCharge prepares the charge of one attempt; the caller sets its outcome.
func (s *Server) newCharge(intent *paymentIntent, method *paymentMethod) *charge {
	if intent.transfer != nil && intent.transferGroup == "" {
		intent.transferGroup = "group_" + intent.id
	}
	return &charge{
		transferGroup: intent.transferGroup, onBehalfOf: intent.onBehalfOf, transferData: intent.transfer,
		id: s.random.id("ch_3"), created: s.now(), amount: intent.amount, currency: intent.currency, customer: intent.customer,
		paymentIntent: intent.id, paymentMethod: method.id, description: intent.description, receiptEmail: intent.receiptEmail,
		statementDescriptor: intent.statementDescriptor, statementSuffix: intent.statementSuffix, shipping: intent.shipping,
		billing: method.billing, metadata: intent.metadata, cardDetails: chargedCard(intent, method), fingerprintOf: method.card,
	}
}

// chargedCard is payment_method_details.card: the card as it was charged.
func chargedCard(intent *paymentIntent, method *paymentMethod) object {
	return object{
		"amount_authorized": intent.amount, "brand": method.card.brand, "checks": method.chargedChecks(), "country": method.card.country,
		"exp_month": method.expMonth, "exp_year": method.expYear, "extended_authorization": object{"status": "disabled"},
		"fingerprint": fingerprint(method.number), "funding": method.card.funding,
		"incremental_authorization": object{"status": "unavailable"}, "installments": nil, "last4": method.card.last4(), "mandate": nil,
		"multicapture": object{"status": "unavailable"}, "network": method.card.brand, "network_token": object{"used": false},
		"overcapture":    object{"maximum_amount_capturable": intent.amount, "status": "unavailable"},
		"three_d_secure": nil, "wallet": nil,
	}
}

func (s *Server) getCharge(c *call) (any, *apiError) {
	found, ok := s.state.charges.get(c.ids[0])
	if !ok {
		return nil, missing(404, "charge", c.ids[0], "id")
	}
	return found.view(), nil
}

func (s *Server) listCharges(c *call) (any, *apiError) {
	found := keep(s.state.charges.oldestFirst(), func(one *charge) bool {
		return matches(c.in, "customer", one.customer) && matches(c.in, "payment_intent", one.paymentIntent) && inCreated(c.in, one.created)
	})
	return page(c, "charge", found, func(one *charge) string { return one.id }, (*charge).view)
}

// troubleAfter handles the test cards whose payment is followed by a dispute or an early fraud
// warning.
func (s *Server) troubleAfter(c *call, paid *charge, card testCard) {
	if card.earlyWarning {
		s.emit(c, "radar.early_fraud_warning.created", object{
			"id": s.random.id("issfr_1"), "object": "radar.early_fraud_warning", "actionable": true, "charge": paid.id, "created": s.now(),
			"fraud_type": "made_with_stolen_card", "livemode": false, "payment_intent": paid.paymentIntent,
		}, nil)
	}
	if card.dispute != "" {
		s.openDispute(c, paid, card.dispute)
	}
}

// inquiryOpen is the status of an open inquiry, which precedes a dispute and takes no money.
const inquiryOpen = "warning_needs_response"

// openDispute opens a dispute, which takes the money at once, or an inquiry. Stripe sends an event
// for the dispute and, after it, one for the money.
func (s *Server) openDispute(c *call, paid *charge, reason string) *dispute {
	made := &dispute{
		id: s.random.id("dp_1"), created: s.now(), charge: paid.id, paymentIntent: paid.paymentIntent, amount: paid.captured,
		currency: paid.currency, reason: reason, status: "needs_response", brand: paid.fingerprintOf.brand, metadata: map[string]string{},
	}
	if reason == "inquiry" {
		made.reason, made.status = "general", inquiryOpen
	}
	if made.status == "needs_response" {
		made.withdraw(s.random.id("txn_1"))
	}
	paid.dispute = made.id
	s.state.disputes.add(made.id, made)
	s.emit(c, "charge.dispute.created", made.view(), nil)
	if made.withdrawn() {
		s.emit(c, "charge.dispute.funds_withdrawn", made.view(), nil)
	}
	return made
}

// Dispute opens a dispute on the paid charge of a PaymentIntent, as the cardholder's bank would,
// and returns its id (dp_...). Reason is Stripe's, such as fraudulent. The error reports that the
// PaymentIntent has no paid charge.
func (s *Server) Dispute(paymentIntentID, reason string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	paid := s.paidCharge(paymentIntentID)
	if paid == nil {
		return "", fmt.Errorf("stripesim: payment intent %q has no paid charge to dispute", paymentIntentID)
	}
	return s.openDispute(nil, paid, reason).id, nil
}

// WarnOfFraud has the issuer of the card warn of fraud about the paid charge of a PaymentIntent,
// and returns the warning's id (issfr_...). The error reports that the PaymentIntent has no paid
// charge.
func (s *Server) WarnOfFraud(paymentIntentID string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	paid := s.paidCharge(paymentIntentID)
	if paid == nil {
		return "", fmt.Errorf("stripesim: payment intent %q has no paid charge to warn of", paymentIntentID)
	}
	id := s.random.id("issfr_1")
	s.emit(nil, "radar.early_fraud_warning.created", object{
		"id": id, "object": "radar.early_fraud_warning", "actionable": true, "charge": paid.id, "created": s.now(),
		"fraud_type": "made_with_stolen_card", "livemode": false, "payment_intent": paid.paymentIntent,
	}, nil)
	return id, nil
}

// CloseDispute ends a dispute, won or lost, or an inquiry. It emits charge.dispute.closed and, when
// the money comes back, charge.dispute.funds_reinstated. The error reports an unknown dispute.
func (s *Server) CloseDispute(disputeID string, won bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	found, ok := s.state.disputes.get(disputeID)
	if !ok {
		return fmt.Errorf("stripesim: no dispute %q", disputeID)
	}
	reinstated := won && found.withdrawn()
	found.status = found.closedAs(won)
	if reinstated {
		found.reinstate(s.random.id("txn_1"), s.now())
	}
	s.emit(nil, "charge.dispute.closed", found.view(), nil)
	if reinstated {
		s.emit(nil, "charge.dispute.funds_reinstated", found.view(), nil)
	}
	return nil
}

// closedAs returns the status of a dispute that ends. An inquiry is neither won nor lost.
func (d *dispute) closedAs(won bool) string {
	switch {
	case d.status == inquiryOpen:
		return "warning_closed"
	case won:
		return "won"
	}
	return "lost"
}

func (s *Server) paidCharge(paymentIntentID string) *charge {
	intent, ok := s.state.paymentIntents.get(paymentIntentID)
	if !ok {
		return nil
	}
	found, ok := s.state.charges.get(intent.latestCharge)
	if !ok || found.status != "succeeded" || found.captured == 0 {
		return nil
	}
	return found
}

func (s *Server) getDispute(c *call) (any, *apiError) {
	found, ok := s.state.disputes.get(c.ids[0])
	if !ok {
		return nil, missing(404, "dispute", c.ids[0], "dispute")
	}
	return found.view(), nil
}

func (s *Server) listDisputes(c *call) (any, *apiError) {
	found := keep(s.state.disputes.oldestFirst(), func(one *dispute) bool {
		return matches(c.in, "charge", one.charge) && matches(c.in, "payment_intent", one.paymentIntent) && inCreated(c.in, one.created)
	})
	return page(c, "dispute", found, func(one *dispute) string { return one.id }, (*dispute).view)
}
