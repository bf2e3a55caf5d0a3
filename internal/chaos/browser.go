package main

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// card is what a customer enters in the card field. The metadata selects the simulator's behavior.
type card struct {
	Number   string
	Metadata map[string]string
}

// browser is a customer's page: it knows a client secret and calls Stripe with the publishable key.
type browser struct{ *client }

func newBrowser(base string) browser {
	return browser{newClient(base, http.Header{
		"Authorization": {"Bearer pk_test_chaos"}, "Content-Type": {"application/x-www-form-urlencoded"},
	})}
}

// errDeclined means that the card was declined and the customer was shown so.
var errDeclined = errors.New("the card was declined")

// patience is how long a customer retries when no answer arrives.
const patience = 20 * time.Second

// pay confirms a PaymentIntent with a new or a saved card, and completes the bank's challenge. A
// customer without an answer looks at the PaymentIntent and confirms again only if it is unpaid.
// Errors: errDeclined.
func (b browser) pay(ctx context.Context, secret string, with url.Values) error {
	id, _, _ := strings.Cut(secret, "_secret_")
	path := "/v1/payment_intents/" + id
	return eventually(ctx, patience, 400*time.Millisecond, func(ctx context.Context) error {
		var pi stripeIntent
		if err := b.call(ctx, http.MethodGet, path+"?client_secret="+url.QueryEscape(secret), nil, nil, &pi); err != nil {
			return err
		}
		if pi.Status == "succeeded" || pi.Status == "canceled" {
			return nil
		}
		if pi.Status != "requires_action" || pi.challenge() == "" {
			form := maps.Clone(with)
			form.Set("client_secret", secret)
			form.Set("use_stripe_sdk", "true")
			if err := b.call(ctx, http.MethodPost, path+"/confirm", nil, []byte(form.Encode()), &pi); err != nil {
				return seen(err)
			}
		}
		return b.authenticate(ctx, pi)
	})
}

// seen distinguishes a decline, which the customer sees, from an answer that never arrived.
func seen(err error) error {
	var r *refusal
	if errors.As(err, &r) && r.Status == http.StatusPaymentRequired {
		return final{errDeclined}
	}
	return err
}

// authenticate completes the bank's challenge, if the PaymentIntent has one.
func (b browser) authenticate(ctx context.Context, pi stripeIntent) error {
	if pi.Status != "requires_action" {
		return nil
	}
	target, ok := strings.CutPrefix(pi.challenge(), b.base)
	if !ok {
		return errors.New("the challenge is not at the simulator")
	}
	var after stripeIntent
	if err := b.call(ctx, http.MethodPost, target+"&outcome=succeed", nil, nil, &after); err != nil {
		return seen(err)
	}
	if after.Status == "requires_payment_method" {
		return final{errDeclined}
	}
	return nil
}

// newCard returns the form for a card that is entered and saved.
func newCard(c card) url.Values {
	form := url.Values{
		"payment_method_data[type]": {"card"}, "payment_method_data[card][number]": {c.Number},
		"payment_method_data[card][exp_month]": {"12"}, "payment_method_data[card][exp_year]": {"2049"},
		"payment_method_data[card][cvc]": {"123"}, "setup_future_usage": {"off_session"},
	}
	for key, value := range c.Metadata {
		form.Set("payment_method_data[metadata]["+key+"]", value)
	}
	return form
}

// savedCard returns the form for a card on file.
func savedCard(paymentMethod string) url.Values { return url.Values{"payment_method": {paymentMethod}} }
