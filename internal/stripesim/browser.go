package stripesim

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// Browser plays Stripe.js on a customer's page: it uses real HTTP with a publishable key, and has
// only the client secret that it is given.
type Browser struct {
	// BaseURL is the simulator's address, without /v1.
	BaseURL string
	// PublishableKey begins with pk_test_; empty means pk_test_browser.
	PublishableKey string
	// Account is the connected account (acct_...) that the page acts for; empty means the
	// platform's own.
	Account string
	// Client sends the requests; nil means http.DefaultClient.
	Client *http.Client
}

// Card is what a customer types into the card field.
type Card struct {
	Number   string // digits; blanks are allowed
	ExpMonth int    // 1 to 12; 0 means 12
	ExpYear  int    // four digits; 0 means 2049
	CVC      string // empty means 123
}

// PaymentDetails is the second argument of confirmCardPayment. PaymentMethod
// (pm_...) wins over Card; with neither the intent's own is confirmed.
type PaymentDetails struct {
	PaymentMethod    string
	Card             *Card
	Metadata         map[string]string // of the PaymentMethod made from Card
	SetupFutureUsage string            // off_session, on_session or empty
	ReturnURL        string            // may be empty
}

// Intent is the part of a PaymentIntent or SetupIntent that a page sees.
type Intent struct {
	ID               string      `json:"id"`
	Object           string      `json:"object"` // payment_intent or setup_intent
	Status           string      `json:"status"`
	ClientSecret     string      `json:"client_secret"`
	Amount           int64       `json:"amount"`   // minor units; 0 for SetupIntents
	Currency         string      `json:"currency"` // lower case
	PaymentMethod    string      `json:"payment_method"`
	NextAction       *NextAction `json:"next_action"`
	LastPaymentError *LastError  `json:"last_payment_error"`
	LastSetupError   *LastError  `json:"last_setup_error"`
}

// NextAction is what the customer has to do next.
type NextAction struct {
	Type          string `json:"type"` // use_stripe_sdk or redirect_to_url
	RedirectToURL *struct {
		URL string `json:"url"`
	} `json:"redirect_to_url"`
	UseStripeSDK *struct {
		StripeJS string `json:"stripe_js"`
	} `json:"use_stripe_sdk"`
}

// URL is the address of the challenge, or "".
func (n *NextAction) URL() string {
	switch {
	case n == nil:
		return ""
	case n.RedirectToURL != nil:
		return n.RedirectToURL.URL
	case n.UseStripeSDK != nil:
		return n.UseStripeSDK.StripeJS
	}
	return ""
}

// LastError is why the last attempt failed.
type LastError struct {
	Type          string `json:"type"`
	Code          string `json:"code"`
	DeclineCode   string `json:"decline_code"`
	Message       string `json:"message"`
	PaymentMethod *struct {
		ID string `json:"id"`
	} `json:"payment_method"`
}

// CreatePaymentMethod is stripe.createPaymentMethod: it returns the new id
// (pm_...), or an *APIError such as incorrect_number. Metadata may be nil; its
// sim_... keys steer the card's charges.
func (b *Browser) CreatePaymentMethod(ctx context.Context, card Card, metadata map[string]string) (string, error) {
	form := url.Values{"type": {"card"}}
	card.put(form, "card")
	for key, value := range metadata {
		form.Set("metadata["+key+"]", value)
	}
	var made struct {
		ID string `json:"id"`
	}
	if err := b.do(ctx, http.MethodPost, "/v1/payment_methods", form, &made); err != nil {
		return "", err
	}
	return made.ID, nil
}

func (c Card) put(form url.Values, prefix string) {
	orDefault := func(value, fallback int) string {
		if value == 0 {
			value = fallback
		}
		return strconv.Itoa(value)
	}
	cvc := c.CVC
	if cvc == "" {
		cvc = "123"
	}
	form.Set(prefix+"[number]", c.Number)
	form.Set(prefix+"[exp_month]", orDefault(c.ExpMonth, 12))
	form.Set(prefix+"[exp_year]", orDefault(c.ExpYear, 2049))
	form.Set(prefix+"[cvc]", cvc)
}

// ConfirmCardPayment is stripe.confirmCardPayment with handleActions false: an
// intent in requires_action is returned as it is, for Authenticate. A decline
// is an *APIError.
func (b *Browser) ConfirmCardPayment(ctx context.Context, clientSecret string, details PaymentDetails) (*Intent, error) {
	return b.confirm(ctx, "payment_intents", clientSecret, details)
}

// ConfirmCardSetup is stripe.confirmCardSetup, in the manner of
// ConfirmCardPayment; SetupFutureUsage is ignored.
func (b *Browser) ConfirmCardSetup(ctx context.Context, clientSecret string, details PaymentDetails) (*Intent, error) {
	details.SetupFutureUsage = ""
	return b.confirm(ctx, "setup_intents", clientSecret, details)
}

func (b *Browser) confirm(ctx context.Context, kind, clientSecret string, details PaymentDetails) (*Intent, error) {
	form := url.Values{"client_secret": {clientSecret}, "use_stripe_sdk": {"true"}}
	switch {
	case details.PaymentMethod != "":
		form.Set("payment_method", details.PaymentMethod)
	case details.Card != nil:
		form.Set("payment_method_data[type]", "card")
		details.Card.put(form, "payment_method_data[card]")
		for key, value := range details.Metadata {
			form.Set("payment_method_data[metadata]["+key+"]", value)
		}
	}
	if details.SetupFutureUsage != "" {
		form.Set("setup_future_usage", details.SetupFutureUsage)
	}
	if details.ReturnURL != "" {
		form.Set("return_url", details.ReturnURL)
	}
	var out Intent
	if err := b.do(ctx, http.MethodPost, "/v1/"+kind+"/"+intentID(clientSecret)+"/confirm", form, &out); err != nil {
		return nil, err
	}
	return &out, nil
}

// RetrievePaymentIntent is stripe.retrievePaymentIntent.
func (b *Browser) RetrievePaymentIntent(ctx context.Context, clientSecret string) (*Intent, error) {
	return b.retrieve(ctx, "payment_intents", clientSecret)
}

// RetrieveSetupIntent is stripe.retrieveSetupIntent.
func (b *Browser) RetrieveSetupIntent(ctx context.Context, clientSecret string) (*Intent, error) {
	return b.retrieve(ctx, "setup_intents", clientSecret)
}

func (b *Browser) retrieve(ctx context.Context, kind, clientSecret string) (*Intent, error) {
	var out Intent
	query := url.Values{"client_secret": {clientSecret}}
	if err := b.do(ctx, http.MethodGet, "/v1/"+kind+"/"+intentID(clientSecret), query, &out); err != nil {
		return nil, err
	}
	return &out, nil
}

// Authenticate completes the challenge of an intent in requires_action as the customer at the
// bank's page would, and returns the intent afterwards; check its status, since the payment may
// have been declined. Errors: the intent has nothing to authenticate, or the simulator refused the
// request.
func (b *Browser) Authenticate(ctx context.Context, intent *Intent, pass bool) (*Intent, error) {
	target := intent.NextAction.URL()
	if target == "" {
		return nil, errors.New("stripesim: the intent has no next action")
	}
	outcome := "fail"
	if pass {
		outcome = "succeed"
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target+"&outcome="+outcome, nil)
	if err != nil {
		return nil, fmt.Errorf("stripesim: challenge: %w", err)
	}
	if err := b.send(req, nil); err != nil {
		return nil, err
	}
	return b.retrieve(ctx, intent.Object+"s", intent.ClientSecret)
}

func intentID(clientSecret string) string {
	id, _, _ := strings.Cut(clientSecret, "_secret_")
	return id
}

func (b *Browser) do(ctx context.Context, method, path string, form url.Values, into any) error {
	target, body := strings.TrimSuffix(b.BaseURL, "/")+path, ""
	if method == http.MethodGet {
		target += "?" + form.Encode()
	} else {
		body = form.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, method, target, strings.NewReader(body))
	if err != nil {
		return fmt.Errorf("stripesim: browser: %w", err)
	}
	key := b.PublishableKey
	if key == "" {
		key = "pk_test_browser"
	}
	req.Header.Set("Authorization", "Bearer "+key)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if b.Account != "" {
		req.Header.Set("Stripe-Account", b.Account)
	}
	return b.send(req, into)
}

// send decodes the answer into the given value, or into an *APIError.
func (b *Browser) send(req *http.Request, into any) error {
	client := b.Client
	if client == nil {
		client = http.DefaultClient
	}
	resp, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("stripesim: browser: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return fmt.Errorf("stripesim: browser: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		return decodeError(resp.StatusCode, body)
	}
	if into == nil {
		return nil
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("stripesim: browser: %w", err)
	}
	return nil
}

func decodeError(status int, body []byte) error {
	var wrapped struct {
		Error struct {
			Type, Code, Message string
			DeclineCode         string `json:"decline_code"`
		}
	}
	if err := json.Unmarshal(body, &wrapped); err != nil {
		return fmt.Errorf("stripesim: browser: status %d: %w", status, err)
	}
	found := wrapped.Error
	return &APIError{Status: status, Type: found.Type, Code: found.Code, DeclineCode: found.DeclineCode, Message: found.Message}
}
