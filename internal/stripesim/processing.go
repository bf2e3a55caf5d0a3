package stripesim

import (
	"fmt"
	"slices"
	"time"
)

// metaProcessing is the metadata key of a PaymentMethod for how long its off-session payments
// process.
const metaProcessing = "sim_processing"

// mandateProcessing is how long an off-session payment with an Indian card is processing in
// Stripe's test mode. Source: docs.stripe.com/india-recurring-payments.
const mandateProcessing = 15 * time.Minute

// watchInterval is the real time between two checks for payments whose processing is over.
const watchInterval = time.Second

// processingWish is the processing that a fault rule or a PaymentMethod demands.
type processingWish struct {
	lasts   time.Duration // 0: until it is ended on demand
	decline string        // how it ends; empty: as the card has it
}

// processingOf reports whether a payment is processing first, and for how long.
func processingOf(c *call, intent *paymentIntent, method *paymentMethod) (processingWish, bool) {
	if c.processing != nil {
		return *c.processing, true
	}
	if !intent.offSession {
		return processingWish{}, false
	}
	if text, ok := method.metadata[metaProcessing]; ok {
		lasts, err := time.ParseDuration(text)
		return processingWish{lasts: lasts}, err == nil
	}
	return processingWish{lasts: mandateProcessing}, method.card.mandate
}

// beginProcessing leaves a payment without a result for now. decline is its later result; "" means
// success.
func (s *Server) beginProcessing(c *call, intent *paymentIntent, wish processingWish, decline string) {
	intent.status, intent.processingEnd, intent.processingDecline = processing, 0, decline
	if wish.decline != "" {
		intent.processingDecline = wish.decline
	}
	if wish.lasts > 0 {
		intent.processingEnd = s.opts.Now().Add(wish.lasts).Unix()
	}
	s.state.processing = append(s.state.processing, intent)
	s.emit(c, "payment_intent.processing", intent.view(), nil)
	s.watch()
}

// processingView returns the field processing of a PaymentIntent.
func (p *paymentIntent) processingView() any {
	if p.status != processing {
		return nil
	}
	return object{"type": "card", "card": object{"customer_notification": object{
		"approval_requested": false, "completes_at": orNull(p.processingEnd),
	}}}
}

// endDue ends payments whose processing time is over. The caller holds the lock.
func (s *Server) endDue() {
	if len(s.state.processing) == 0 {
		return
	}
	for _, intent := range slices.Clone(s.state.processing) {
		if intent.processingEnd != 0 && intent.processingEnd <= s.now() {
			s.endProcessing(intent, intent.processingDecline)
		}
	}
}

func (s *Server) endProcessing(intent *paymentIntent, decline string) {
	s.state.processing = slices.DeleteFunc(s.state.processing, func(one *paymentIntent) bool { return one == intent })
	method, ok := s.state.paymentMethods.get(intent.paymentMethod)
	switch {
	case !ok:
		s.fail(intent, s.errorBody(lookupDecline("generic_decline")))
		s.afterFailure(nil, intent)
	case decline != "":
		s.declinePayment(nil, intent, method, decline)
	default:
		s.succeed(nil, intent, method, nil)
	}
}

// watch calls endDue from time to time, as long as a payment has a time when its processing ends.
// The caller holds the lock.
func (s *Server) watch() {
	timed := func(one *paymentIntent) bool { return one.processingEnd != 0 }
	if s.closed || s.watching || !slices.ContainsFunc(s.state.processing, timed) {
		return
	}
	s.watching = true
	time.AfterFunc(watchInterval, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.watching = false; s.closed {
			return
		}
		s.endDue()
		s.watch()
	})
}

// EndProcessing ends the processing of a PaymentIntent: with a decline code the payment is
// declined, without one it succeeds. The error reports that the PaymentIntent is not processing.
func (s *Server) EndProcessing(paymentIntentID, declineCode string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	intent, ok := s.state.paymentIntents.get(paymentIntentID)
	if !ok || intent.status != processing {
		return fmt.Errorf("stripesim: payment intent %q is not processing", paymentIntentID)
	}
	s.endProcessing(intent, declineCode)
	return nil
}
