package main

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"time"
)

// The types below are Stripe's JSON as this harness reads it. They are separate on purpose: sharing
// the types of the simulator or of Tranche would share their mistakes.

// stripeIntent is a PaymentIntent.
type stripeIntent struct {
	ID             string            `json:"id"`
	Status         string            `json:"status"`
	Amount         int64             `json:"amount"`
	AmountReceived int64             `json:"amount_received"`
	Currency       string            `json:"currency"`
	Customer       string            `json:"customer"`
	PaymentMethod  string            `json:"payment_method"`
	ClientSecret   string            `json:"client_secret,omitempty"`
	LatestCharge   string            `json:"latest_charge"`
	Metadata       map[string]string `json:"metadata"`
	NextAction     *struct {
		UseStripeSDK *struct {
			StripeJS string `json:"stripe_js"`
		} `json:"use_stripe_sdk"`
		RedirectToURL *struct {
			URL string `json:"url"`
		} `json:"redirect_to_url"`
	} `json:"next_action"`
	LastError *struct {
		Code          string `json:"code"`
		PaymentMethod struct {
			ID string `json:"id"`
		} `json:"payment_method"`
	} `json:"last_payment_error"`
}

// stripeCharge is one attempt to charge a card.
type stripeCharge struct {
	ID            string `json:"id"`
	Status        string `json:"status"`
	PaymentIntent string `json:"payment_intent"`
	Amount        int64  `json:"amount"`
	Created       int64  `json:"created"` // simulated, in Unix seconds
}

// stripeCustomer is a customer at Stripe.
type stripeCustomer struct {
	ID       string            `json:"id"`
	Metadata map[string]string `json:"metadata"`
}

// stripeEvent is an event with its delivery state. Stripe counts webhooks that never arrive as
// pending.
type stripeEvent struct {
	ID      string `json:"id"`
	Type    string `json:"type"`
	Pending int    `json:"pending_webhooks"`
}

// stripeState is everything that Stripe stores.
type stripeState struct {
	PaymentIntents []stripeIntent   `json:"payment_intents"`
	Charges        []stripeCharge   `json:"charges"`
	Customers      []stripeCustomer `json:"customers"`
	Events         []stripeEvent    `json:"events"`
}

// challenge returns the address of the bank's page, or "" if no authentication is required.
func (i stripeIntent) challenge() string {
	switch {
	case i.NextAction == nil:
		return ""
	case i.NextAction.RedirectToURL != nil:
		return i.NextAction.RedirectToURL.URL
	case i.NextAction.UseStripeSDK != nil:
		return i.NextAction.UseStripeSDK.StripeJS
	}
	return ""
}

// rule is one kind of fault of the simulator; see its package comment.
type rule struct {
	Action      string  `json:"action"`
	Method      string  `json:"method,omitempty"`
	Path        string  `json:"path,omitempty"`
	Event       string  `json:"event,omitempty"`
	Probability float64 `json:"probability,omitempty"`
	Delay       string  `json:"delay,omitempty"`
}

// stripe calls the simulator, as the merchant's server and as its operator.
type stripe struct{ *client }

// newStripe returns a client of the simulator with the merchant's secret key.
func newStripe(base string) stripe {
	return stripe{newClient(base, http.Header{
		"Authorization": {"Bearer " + stripeKey}, "Content-Type": {"application/x-www-form-urlencoded"},
	})}
}

// post sends a form.
func (s stripe) post(ctx context.Context, path, key string, form url.Values) (stripeIntent, error) {
	var pi stripeIntent
	err := s.call(ctx, http.MethodPost, path, http.Header{"Idempotency-Key": {key}}, []byte(form.Encode()), &pi)
	return pi, err
}

// intent fetches a PaymentIntent, with its client secret.
func (s stripe) intent(ctx context.Context, id string) (stripeIntent, error) {
	var pi stripeIntent
	err := s.call(ctx, http.MethodGet, "/v1/payment_intents/"+id, nil, nil, &pi)
	return pi, err
}

// refunded returns how much of a payment was refunded.
func (s stripe) refunded(ctx context.Context, intent string) (int64, error) {
	var list struct {
		Data []struct {
			Amount int64 `json:"amount"`
		} `json:"data"`
	}
	err := s.call(ctx, http.MethodGet, "/v1/refunds?payment_intent="+url.QueryEscape(intent), nil, nil, &list)
	var sum int64
	for _, r := range list.Data {
		sum += r.Amount
	}
	return sum, err
}

// state returns everything that the simulator stores.
func (s stripe) state(ctx context.Context) (stripeState, error) {
	var all stripeState
	err := s.call(ctx, http.MethodGet, "/_sim/state", nil, nil, &all)
	return all, err
}

// drained reports whether all webhooks were delivered or given up.
func (s stripe) drained(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, 500*time.Millisecond)
	defer cancel()
	return s.call(ctx, http.MethodPost, "/_sim/drain", nil, nil, nil) == nil
}

// setRules replaces the simulator's rules.
func (s stripe) setRules(ctx context.Context, rules []rule) error {
	if err := s.call(ctx, http.MethodDelete, "/_sim/faults", nil, nil, nil); err != nil || len(rules) == 0 {
		return err
	}
	body, err := json.Marshal(rules)
	if err != nil {
		return err
	}
	return s.call(ctx, http.MethodPost, "/_sim/faults", http.Header{"Content-Type": {"application/json"}}, body, nil)
}

// injected returns how often each kind of fault was injected.
func (s stripe) injected(ctx context.Context) (map[string]int, error) {
	var answer struct {
		Injected map[string]int `json:"injected"`
	}
	err := s.call(ctx, http.MethodGet, "/_sim/faults", nil, nil, &answer)
	return answer.Injected, err
}
