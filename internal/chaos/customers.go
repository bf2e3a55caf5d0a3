package main

import (
	"context"
	"errors"
	"time"
)

// follow acts as a customer who returns to the shop by the link in a mail.
func (s *shop) follow(ctx context.Context, intent string) {
	var pi stripeIntent
	err := eventually(ctx, patience, 500*time.Millisecond, func(ctx context.Context) error {
		var err error
		pi, err = s.stripe.intent(ctx, intent)
		return err
	})
	if err != nil {
		return
	}
	a, mails := s.countMail(pi)
	if a == nil || a.Habits.Ignores || !pause(ctx, a.Habits.Thinks) {
		return
	}
	authenticate := pi.Status == "requires_action" || pi.LastError != nil && pi.LastError.Code == "authentication_required"
	if !authenticate && mails < a.Habits.Patience {
		return // waits for the next attempt
	}
	if a.Habits.AtRetry {
		s.waitForRetry(ctx, a.Reference, intent)
	}
	s.payFromMail(ctx, *a, intent, authenticate)
}

// countMail returns the order that a PaymentIntent belongs to, and the number of mails about it.
func (s *shop) countMail(pi stripeIntent) (*order, int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.received[pi.ID]++
	if a := s.agreements[pi.Metadata["tranche_reference"]]; a != nil {
		return &a.Order, s.received[pi.ID]
	}
	return nil, 0
}

// longestWait bounds, in real time, how long a customer waits for the time of a retry.
const longestWait = 60 * time.Second

// waitForRetry waits until the charge's next retry, if one is scheduled.
func (s *shop) waitForRetry(ctx context.Context, reference, intent string) {
	p, found, err := s.tranche.byReference(ctx, reference)
	if err != nil || !found {
		return
	}
	for _, c := range p.Charges {
		if c.PaymentIntent == intent && c.NextAttemptAt != nil {
			pause(ctx, min(s.clock.Until(*c.NextAttemptAt), longestWait))
			return
		}
	}
}

// payFromMail pays from the link in a mail: with the saved card and the bank's challenge, or with
// another card on the same PaymentIntent. It fetches the PaymentIntent first, as a page does when
// it is opened.
func (s *shop) payFromMail(ctx context.Context, o order, intent string, authenticate bool) {
	err := eventually(ctx, patience, 500*time.Millisecond, func(ctx context.Context) error {
		pi, err := s.stripe.intent(ctx, intent)
		if err != nil {
			return err
		}
		if pi.Status == "succeeded" || pi.Status == "canceled" {
			return nil
		}
		if authenticate && pi.LastError != nil && pi.LastError.PaymentMethod.ID != "" {
			return s.browser.pay(ctx, pi.ClientSecret, savedCard(pi.LastError.PaymentMethod.ID))
		}
		if o.Habits.AgainFail {
			o.Habits.AgainFail = false
			if err := s.browser.pay(ctx, pi.ClientSecret, newCard(card{Number: "4000000000009995"})); !errors.Is(err, errDeclined) {
				return err
			}
		}
		return s.browser.pay(ctx, pi.ClientSecret, newCard(card{Number: o.Habits.NewCard}))
	})
	if err != nil && ctx.Err() == nil {
		s.note("%s: the customer's payment of %s: %v", o.Reference, intent, err)
	}
}
