package main

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"time"

	"tranche/internal/clock"
)

// agreement is what the merchant and a customer agreed, and what the merchant knows about it.
type agreement struct {
	Order       order
	Confirmed   *plan     // the answer to POST /v1/plans; nil if none arrived or was needed
	ConfirmedAt time.Time // simulated; zero while Confirmed is nil
	Intent      string    // PaymentIntent of the first payment; empty if none exists
	Failed      string    // why the merchant gave up; empty if it did not
	// Stopped is the result of the order's stop.
	Stopped stopped
}

// shop is the merchant's server and its customers.
type shop struct {
	tranche tranche
	stripe  stripe
	browser browser
	clock   clock.Clock
	note    func(format string, args ...any)

	mails   chan letter
	running sync.WaitGroup

	mu         sync.Mutex
	agreements map[string]*agreement
	received   map[string]int // mails by PaymentIntent
	receipts   int
	receiptAt  time.Time
}

// maxMails bounds the mails that wait to be read; a run sends fewer.
const maxMails = 200_000

func newShop(t tranche, s stripe, b browser, c clock.Clock, note func(string, ...any)) *shop {
	return &shop{
		tranche: t, stripe: s, browser: b, clock: c, note: note, mails: make(chan letter, maxMails),
		agreements: map[string]*agreement{}, received: map[string]int{},
	}
}

// sell makes every order at its time, and returns when the last is paid or given up.
func (s *shop) sell(ctx context.Context, orders []order) {
	began := wall()
	var busy sync.WaitGroup
	for _, o := range orders {
		if !pause(ctx, o.At-wall().Sub(began)) {
			break
		}
		busy.Go(func() { s.serve(ctx, o) })
	}
	busy.Wait()
}

// merchantPatience is how long the merchant's server repeats a request.
const merchantPatience = 90 * time.Second

// serve acts as one customer at the checkout.
func (s *shop) serve(ctx context.Context, o order) {
	a := &agreement{Order: o}
	s.mu.Lock()
	s.agreements[o.Reference] = a
	s.mu.Unlock()
	secret, err := s.agree(ctx, a)
	if err != nil {
		s.mu.Lock()
		a.Failed = err.Error()
		s.mu.Unlock()
		s.note("%s: the merchant gave up: %v", o.Reference, err)
		return
	}
	if o.Habits.Leaves {
		return
	}
	err = s.browser.pay(ctx, secret, newCard(o.Card))
	if errors.Is(err, errDeclined) && !o.Habits.Ignores {
		err = s.browser.pay(ctx, secret, newCard(card{Number: o.Habits.NewCard}))
	}
	if err != nil && ctx.Err() == nil {
		s.note("%s: the first payment: %v", o.Reference, err)
	}
	if err == nil && o.Stop.Kind != "" {
		s.stop(ctx, a)
	}
}

// agree creates the plan, or the merchant's own PaymentIntent, and returns its client secret.
func (s *shop) agree(ctx context.Context, a *agreement) (string, error) {
	if a.Order.Own {
		return s.ownIntent(ctx, a)
	}
	body := a.Order.request(s.clock.Now())
	if a.Order.Twice {
		s.running.Go(func() { _, _ = s.create(ctx, body, a.Order.Reference) }) // the duplicate request
	}
	made, err := s.create(ctx, body, a.Order.Reference)
	if err != nil {
		return "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	a.Confirmed, a.ConfirmedAt, a.Intent = &made, s.clock.Now(), made.First.PaymentIntent
	return made.First.ClientSecret, nil
}

// create repeats the same request until it is answered.
func (s *shop) create(ctx context.Context, body []byte, key string) (made plan, err error) {
	err = eventually(ctx, merchantPatience, 500*time.Millisecond, func(ctx context.Context) error {
		made, err = s.tranche.create(ctx, body, key)
		var r *refusal
		if errors.As(err, &r) && r.Status < http.StatusInternalServerError && r.Status != http.StatusTooManyRequests {
			return final{err} // the same request would be rejected again
		}
		if err == nil && (made.First == nil || made.First.ClientSecret == "") {
			return final{errors.New("the answer holds no first payment")}
		}
		return err
	})
	return made, err
}

func (s *shop) ownIntent(ctx context.Context, a *agreement) (secret string, err error) {
	form := a.Order.intentForm()
	err = eventually(ctx, merchantPatience, 500*time.Millisecond, func(ctx context.Context) error {
		// Each try has its own key: the reference stays the same, and an unconfirmed PaymentIntent takes
		// no money.
		pi, err := s.stripe.post(ctx, "/v1/payment_intents", a.Order.Reference+wall().Format(time.RFC3339Nano), form)
		if err != nil {
			return err
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		a.Intent, secret = pi.ID, pi.ClientSecret
		return nil
	})
	return secret, err
}

// arrive queues a mail without blocking.
func (s *shop) arrive(m letter) {
	if strings.HasPrefix(m.Subject, receiptSubject) {
		s.mu.Lock()
		s.receipts++
		s.receiptAt = m.At
		s.mu.Unlock()
		return
	}
	select {
	case s.mails <- m:
	default: // the queue is full
	}
}

// sold returns the number of requested plans, the number of receipts, and the time of the last
// receipt.
func (s *shop) sold() (plans, receipts int, last time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.agreements), s.receipts, s.receiptAt
}

// all returns the agreements.
func (s *shop) all() []agreement {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []agreement
	for _, a := range s.agreements {
		list = append(list, *a)
	}
	return list
}

// linkInMail finds the PaymentIntent in the link that a mail asks the customer to follow.
var linkInMail = regexp.MustCompile(`https://shop\.example/pay\?intent=(pi_\w+)`)

// returnURL is the shop's page that mails link to.
const returnURL = "https://shop.example/pay?intent={payment_intent}"

// readMail lets customers act on their mails until ctx ends.
func (s *shop) readMail(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case m := <-s.mails:
			if link := linkInMail.FindStringSubmatch(m.Body); link != nil {
				s.running.Go(func() { s.follow(ctx, link[1]) })
			}
		}
	}
}
