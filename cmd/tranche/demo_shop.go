package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"time"

	"tranche/internal/billing"
	"tranche/internal/stripesim"
	"tranche/internal/terms"
	"tranche/internal/view"
)

// checkOut plays the merchant's checkout: the server creates the plan (or its own PaymentIntent),
// and the customer pays.
func (w *demoWorld) checkOut(ctx context.Context, a *actor) error {
	var err error
	if a.ownIntent {
		a.secret, err = w.makeOwnIntent(ctx, a.terms)
	} else {
		a.secret, err = w.makePlan(ctx, a.terms)
	}
	if err != nil {
		return err
	}
	w.logAction(a, "pays in the checkout with card …"+a.card[12:]+", which "+a.about)
	intent, err := w.browser.ConfirmCardPayment(ctx, a.secret, stripesim.PaymentDetails{
		Card: &stripesim.Card{Number: a.card}, SetupFutureUsage: "off_session",
	})
	if err != nil {
		if a.givesUp {
			w.logAction(a, "sees the decline in the checkout and leaves")
			return nil
		}
		return err
	}
	return w.authenticate(ctx, intent)
}

// authenticate answers the bank's challenge, if there is one.
func (w *demoWorld) authenticate(ctx context.Context, intent *stripesim.Intent) error {
	if intent.Status != "requires_action" {
		return nil
	}
	_, err := w.browser.Authenticate(ctx, intent, true)
	return err
}

// makePlan calls POST /v1/plans, like a merchant's server.
func (w *demoWorld) makePlan(ctx context.Context, t terms.Terms) (clientSecret string, err error) {
	body, err := json.Marshal(t)
	if err != nil {
		return "", err
	}
	var plan view.Plan
	header := http.Header{"Authorization": {"Bearer " + demoAPIKey}, "Content-Type": {"application/json"}, "Idempotency-Key": {t.Reference}}
	if err := post(ctx, "http://"+w.app.Addr()+"/v1/plans", header, body, &plan); err != nil {
		return "", err
	}
	return plan.FirstPayment.ClientSecret, nil
}

// makeOwnIntent creates a PaymentIntent at Stripe whose metadata requests a plan.
func (w *demoWorld) makeOwnIntent(ctx context.Context, t terms.Terms) (clientSecret string, err error) {
	form := url.Values{
		"amount": {strconv.FormatInt(t.FirstAmount, 10)}, "currency": {string(t.Currency)}, "setup_future_usage": {"off_session"},
		"payment_method_types[]": {"card"},
	}
	for key, value := range map[string]string{
		billing.MetaReference: t.Reference, billing.MetaKind: string(t.Kind), billing.MetaTotal: strconv.FormatInt(t.Total, 10),
		billing.MetaParts: strconv.Itoa(t.Parts), billing.MetaEvery: t.Every, billing.MetaCustomer: t.Customer.Reference,
		billing.MetaEmail: t.Customer.Email, billing.MetaLocale: t.Customer.Locale, billing.MetaTimeZone: t.Customer.TimeZone,
	} {
		form.Set("metadata["+key+"]", value)
	}
	var made struct {
		ClientSecret string `json:"client_secret"`
	}
	header := http.Header{"Authorization": {"Bearer " + demoSecretKey}, "Content-Type": {"application/x-www-form-urlencoded"}}
	err = post(ctx, w.simURL+"/v1/payment_intents", header, []byte(form.Encode()), &made)
	return made.ClientSecret, err
}

func post(ctx context.Context, target string, header http.Header, body []byte, into any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header = header
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("POST %s: %s", req.URL.Path, resp.Status)
	}
	return json.NewDecoder(resp.Body).Decode(into)
}

// linkInMail finds the PaymentIntent in the link that a mail asks the customer to follow.
var linkInMail = regexp.MustCompile(`https://shop\.example/pay\?intent=(pi_\w+)`)

// readMail makes each customer act on their mails a day later.
func (w *demoWorld) readMail(ctx context.Context) {
	read := map[string]int{}
	for {
		select {
		case <-ctx.Done():
			return
		case m := <-w.mails.arrived:
			a, link := w.actorOf(m.to), linkInMail.FindStringSubmatch(m.text)
			if a == nil || link == nil {
				continue
			}
			read[link[1]]++
			mail := read[link[1]]
			w.acting.Go(func() {
				if err := w.follow(ctx, a, link[1], mail); err != nil && ctx.Err() == nil {
					w.fail(fmt.Errorf("%s's return to the shop: %w", a.name, err))
				}
			})
		}
	}
}

// follow plays a customer who returns to the shop by the link in a mail. The shop's page fetches
// the PaymentIntent and branches as in Stripe's guide: the customer authenticates the same card, or
// pays with a new card, on the same PaymentIntent.
func (w *demoWorld) follow(ctx context.Context, a *actor, paymentIntent string, mail int) error {
	select {
	case <-ctx.Done():
		return nil
	case <-time.After(w.clock.Until(w.clock.Now().AddDate(0, 0, 1))):
	}
	pi, err := w.app.Gateway().PaymentIntent(ctx, paymentIntent)
	if err != nil || pi.Status == billing.IntentSucceeded || pi.LastError == nil {
		return err
	}
	details, story := stripesim.PaymentDetails{PaymentMethod: pi.LastErrorPaymentMethod}, "follows the link in the mail and authenticates at the bank"
	if pi.LastError.Code != "authentication_required" {
		if mail < a.patience || a.newCard == "" {
			return nil // waits for the next attempt
		}
		details = stripesim.PaymentDetails{Card: &stripesim.Card{Number: a.newCard}, SetupFutureUsage: "off_session"}
		story = "follows the link in the mail and pays with another card, on the same PaymentIntent"
	}
	w.logAction(a, story)
	intent, err := w.browser.ConfirmCardPayment(ctx, pi.ClientSecret.Reveal(), details)
	if refused, ok := errors.AsType[*stripesim.APIError](err); ok {
		return fmt.Errorf("%s", refused.Code)
	}
	if err != nil {
		return err
	}
	return w.authenticate(ctx, intent)
}
