package stripesim

import (
	"fmt"
	"strings"
)

func (s *Server) createRefund(c *call) (any, *apiError) {
	paid, err := s.refundable(c)
	if err != nil {
		return nil, err
	}
	left := paid.captured - paid.refunded
	amount := left
	if c.in.has("amount") {
		amount = c.in.num("amount")
	}
	if amount > left {
		return nil, invalid("", fmt.Sprintf("Refund amount (%s) is greater than unrefunded amount on charge (%s)",
			plainAmount(amount, paid.currency), plainAmount(left, paid.currency))).on("amount")
	}
	made := &refund{
		id: s.random.id("re_3"), created: s.now(), charge: paid.id, paymentIntent: paid.paymentIntent, amount: amount, currency: paid.currency,
		reason: c.in.str("reason"), status: "succeeded", metadata: mergeMetadata(nil, c.in), balanceTransaction: s.random.id("txn_3"),
	}
	if paid.fingerprintOf.refund == "pending" {
		made.status = "pending"
	}
	if err := s.reverse(c, made, paid); err != nil {
		return nil, err
	}
	paid.refunded += amount
	if c.in.flag("refund_application_fee") {
		paid.refundFee(amount)
	}
	s.state.refunds.add(made.id, made)
	s.emit(c, "refund.created", made.view(), nil)
	s.emit(c, "charge.refunded", paid.view(), object{"amount_refunded": paid.refunded - amount})
	answer := made.view()
	s.laterRefund(c, made, paid)
	return answer, nil
}

// reverse reverses the transfer of a destination charge on request.
func (s *Server) reverse(c *call, made *refund, paid *charge) *apiError {
	if c.in.flag("reverse_transfer") && paid.transfer == "" {
		return invalid("", "You cannot reverse a transfer on a charge that has no associated transfer.").on("reverse_transfer")
	}
	if c.in.flag("refund_application_fee") && paid.applicationFee == "" {
		return invalid("", "Attempting to refund_application_fee on "+paid.id+", but it has no application fee")
	}
	if c.in.flag("reverse_transfer") {
		made.reversal = s.random.id("trr_1")
	}
	return nil
}

// laterRefund handles the test cards whose refund ends after the response.
func (s *Server) laterRefund(c *call, made *refund, paid *charge) {
	before := made.view()
	switch paid.fingerprintOf.refund {
	case "pending":
		made.status = "succeeded"
	case "fails":
		made.status, made.failure, made.failureTransaction = "failed", "expired_or_canceled_card", s.random.id("txn_3")
		paid.refunded -= made.amount
	default:
		return
	}
	s.emitRefund(c, made, before["status"])
}

// emitRefund emits the events that Stripe sends when the status of a refund changes.
func (s *Server) emitRefund(c *call, changed *refund, before any) {
	s.emit(c, "charge.refund.updated", changed.view(), object{"status": before})
	s.emit(c, "refund.updated", changed.view(), object{"status": before})
	if changed.status == "failed" {
		s.emit(c, "refund.failed", changed.view(), nil)
	}
}

// plainAmount is formatAmount without the currency code.
func plainAmount(amount int64, currency string) string {
	return strings.TrimSuffix(formatAmount(amount, currency), " "+currency)
}

// refundable finds the charge to refund.
func (s *Server) refundable(c *call) (*charge, *apiError) {
	var paid *charge
	switch {
	case c.in.has("payment_intent"):
		id := c.in.str("payment_intent")
		if _, ok := s.state.paymentIntents.get(id); !ok {
			return nil, missing(400, "payment_intent", id, "payment_intent")
		}
		if paid = s.paidCharge(id); paid == nil {
			return nil, invalid("", fmt.Sprintf("This PaymentIntent (%s) does not have a successful charge to refund.", id)).on("payment_intent")
		}
	case c.in.has("charge"):
		found, ok := s.state.charges.get(c.in.str("charge"))
		if !ok {
			return nil, missing(400, "charge", c.in.str("charge"), "charge")
		}
		paid = found
	default:
		return nil, invalid("parameter_missing", "One of the following params should be provided for this request: payment_intent or charge.").notSaved()
	}
	switch {
	case paid.status != "succeeded" || paid.captured == 0:
		return nil, invalid("", fmt.Sprintf("Charge %s was not successful and cannot be refunded.", paid.id)).on("charge")
	case paid.refunded >= paid.captured:
		return nil, invalid("charge_already_refunded", fmt.Sprintf("Charge %s has already been refunded.", paid.id))
	case paid.dispute != "" && paid.fingerprintOf.dispute != "inquiry":
		return nil, invalid("charge_disputed", fmt.Sprintf("Charge %s has been charged back; cannot issue a refund.", paid.id))
	}
	return paid, nil
}

func (s *Server) getRefund(c *call) (any, *apiError) {
	found, ok := s.state.refunds.get(c.ids[0])
	if !ok {
		return nil, missing(404, "refund", c.ids[0], "refund")
	}
	return found.view(), nil
}

func (s *Server) updateRefund(c *call) (any, *apiError) {
	found, ok := s.state.refunds.get(c.ids[0])
	if !ok {
		return nil, missing(404, "refund", c.ids[0], "refund")
	}
	before := found.view()
	found.metadata = mergeMetadata(found.metadata, c.in)
	s.emitChange(c, "refund.updated", before, found.view())
	return found.view(), nil
}

func (s *Server) listRefunds(c *call) (any, *apiError) {
	found := keep(s.state.refunds.oldestFirst(), func(one *refund) bool {
		return matches(c.in, "charge", one.charge) && matches(c.in, "payment_intent", one.paymentIntent) && inCreated(c.in, one.created)
	})
	return page(c, "refund", found, func(one *refund) string { return one.id }, (*refund).view)
}

// FailRefund has the bank refuse a refund (re_...) that was accepted before, as happens days later.
// The error reports that the refund is unknown, or failed already.
func (s *Server) FailRefund(id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	found, ok := s.state.refunds.get(id)
	if !ok || found.status == "failed" {
		return fmt.Errorf("stripesim: no refund %q that can fail", id)
	}
	before := found.status
	found.status, found.failure, found.failureTransaction = "failed", "lost_or_stolen_card", s.random.id("txn_3")
	if paid, ok := s.state.charges.get(found.charge); ok {
		paid.refunded -= found.amount
	}
	s.emitRefund(nil, found, before)
	return nil
}
