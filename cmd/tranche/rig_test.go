package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/clock"
	"tranche/internal/stripesim"
	"tranche/internal/testenv"
)

// The secrets of the processes in these tests. No output may hold them.
const (
	rigStripeKey     = "sk_test_keyOfTheRig"
	rigWebhookSecret = "whsec_secretOfTheRig"
	rigAPIKey        = "api-key-of-the-rig-and-of-its-tests"
)

// rigReturnURL is the page of the shop in the links of mails.
const rigReturnURL = "https://shop.example/pay?intent={payment_intent}"

// rig is Tranche and its environment in separate processes: the simulator, and the serve processes
// that a test starts. They share one clock. The test plays the merchant's server and the customers'
// browsers.
type rig struct {
	t       *testing.T
	gate    *gate  // Tranche's address for Stripe and the merchant
	sim     string // Stripe's address for the merchant and the browsers
	wire    *wire  // Stripe's address for Tranche
	clock   clock.Clock
	env     []string // of serve processes
	browser *stripesim.Browser
	all     []*process
}

// rigLease is short, because the rows of a killed process can be claimed only after it.
const rigLease = 3 * time.Second

// eachDatabase runs a test once for each engine, each time with the URL of an empty database.
func eachDatabase(t *testing.T, test func(t *testing.T, databaseURL string)) {
	t.Helper()
	for name, database := range map[string]func(testing.TB) string{"sqlite": testenv.SQLite, "postgres": testenv.Postgres} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, database(t))
		})
	}
}

// newRig starts the simulator. rate is the speed of the clock; vars are settings of serve in
// addition to the settings of every rig.
func newRig(t *testing.T, rate float64, vars ...string) *rig {
	t.Helper()
	r := &rig{t: t, gate: newGate(t), clock: clock.New(time.Now().UTC(), rate, nil)}
	r.env = append(bareEnv(t, "TRANCHE_CLOCK="+r.clock.String(), "TRANCHE_CHECKOUT_DAYS=0"), vars...)
	sim, err := startProcess(t, "stripe-sim", r.env, "stripe-sim", "--addr", "127.0.0.1:0", "--seed", "1",
		"--webhook-url", r.gate.URL+"/webhooks/stripe", "--webhook-secret", rigWebhookSecret)
	require.NoError(t, err)
	r.all = append(r.all, sim)
	r.sim, err = sim.says(t.Context(), regexp.MustCompile(`listens on (http://\S+)`))
	require.NoError(t, err)
	r.browser = &stripesim.Browser{BaseURL: r.sim}
	r.wire = newWire(t, r.sim)
	r.env = append(r.env, "STRIPE_API_BASE="+r.wire.URL, "STRIPE_SECRET_KEY="+rigStripeKey, "STRIPE_WEBHOOK_SECRET="+rigWebhookSecret,
		"TRANCHE_API_KEY="+rigAPIKey, "TRANCHE_ADDR=127.0.0.1:0", "TRANCHE_ADMIN_ADDR=127.0.0.1:0", "TRANCHE_RETURN_URL="+rigReturnURL, "TRANCHE_TICK=50ms",
		"STRIPE_TIMEOUT=2s", "STRIPE_READ_RATE=1000", "STRIPE_WRITE_RATE=1000", "TRANCHE_LEASE="+rigLease.String(), "TRANCHE_LOG_LEVEL=debug")
	return r
}

// listening finds the address in the line that serve logs when it is ready.
var listening = regexp.MustCompile(`"addr":"([^"]+)"`)

// listeningAdmin finds the admin address in the same line.
var listeningAdmin = regexp.MustCompile(`"admin_addr":"([^"]+)"`)

// serve starts a serve process with the given roles, by default all, and waits until it listens. A
// process that takes webhooks is put behind the gate. serve returns an error, so that it can be
// called from any goroutine.
func (r *rig) serve(ctx context.Context, roles ...string) (*process, error) {
	args := []string{"serve"}
	name := "serve"
	if len(roles) > 0 {
		args = append(args, "--roles", strings.Join(roles, ","))
		name += " " + args[2]
	}
	p, err := startProcess(r.t, name, r.env, args...)
	if err != nil {
		return nil, err
	}
	r.all = append(r.all, p)
	p.addr, err = p.says(ctx, listening)
	if err == nil {
		p.admin, err = p.says(ctx, listeningAdmin)
	}
	if err == nil && (len(roles) == 0 || slices.Contains(roles, "ingress")) {
		r.gate.behind.Store("http://" + p.addr)
	}
	return p, err
}

// requireNoSecrets requires that no process printed a secret or a client secret.
func (r *rig) requireNoSecrets(t *testing.T) {
	t.Helper()
	for _, p := range r.all {
		said := p.said.String()
		for _, secret := range []string{rigStripeKey, rigWebhookSecret, rigAPIKey, "_secret_"} {
			require.NotContains(t, said, secret, p.name)
		}
		require.NotContains(t, said, "DATA RACE", p.name)
		require.NotContains(t, said, `"panic"`, p.name)
	}
}

// call sends a request like the merchant's server, and reads the answer. A status other than 2xx is
// an error.
func (r *rig) call(ctx context.Context, method, target string, header http.Header, body string, into any) error {
	status, answer, err := r.send(ctx, method, target, header, body)
	if err != nil {
		return err
	}
	if status/100 != 2 {
		err := fmt.Errorf("%s %s: %d %s", method, target, status, answer)
		if status/100 == 4 {
			return permanent{err}
		}
		return err
	}
	return json.Unmarshal(answer, into)
}

// send sends a request and returns the raw answer.
func (r *rig) send(ctx context.Context, method, target string, header http.Header, body string) (status int, answer []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, target, strings.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	req.Header = header
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	answer, err = io.ReadAll(resp.Body)
	return resp.StatusCode, bytes.TrimSpace(answer), err
}

// tranche calls Tranche's API.
func (r *rig) tranche(ctx context.Context, method, path, body, key string, into any) error {
	header := http.Header{"Authorization": {"Bearer " + rigAPIKey}, "Content-Type": {"application/json"}}
	if key != "" {
		header.Set("Idempotency-Key", key)
	}
	return r.call(ctx, method, r.gate.URL+path, header, body, into)
}

// stripe calls Stripe's API with the secret key.
func (r *rig) stripe(ctx context.Context, method, path string, form url.Values, into any) error {
	header := http.Header{"Authorization": {"Bearer " + rigStripeKey}, "Content-Type": {"application/x-www-form-urlencoded"}}
	return r.call(ctx, method, r.sim+path, header, form.Encode(), into)
}

// plan reads a plan.
func (r *rig) plan(ctx context.Context, id string) (ledgerPlan, error) {
	var p ledgerPlan
	err := r.tranche(ctx, http.MethodGet, "/v1/plans/"+id, "", "", &p)
	return p, err
}

// plans reads all plans.
func (r *rig) plans(ctx context.Context) ([]ledgerPlan, error) {
	var list struct{ Data []ledgerPlan }
	err := r.tranche(ctx, http.MethodGet, "/v1/plans?limit=100", "", "", &list)
	return list.Data, err
}

// notices reads all notices that the query selects, page by page.
func (r *rig) notices(ctx context.Context, query url.Values) ([]ledgerNotice, error) {
	var all []ledgerNotice
	query.Set("limit", "100")
	for {
		var page struct {
			Data    []ledgerNotice
			HasMore bool   `json:"has_more"`
			Next    string `json:"next_cursor"`
		}
		if err := r.tranche(ctx, http.MethodGet, "/v1/notices?"+query.Encode(), "", "", &page); err != nil {
			return nil, err
		}
		all = append(all, page.Data...)
		if !page.HasMore {
			return all, nil
		}
		query.Set("cursor", page.Next)
	}
}

// simState is the part of the simulator's state that these tests check.
type simState struct {
	PaymentIntents []stripeIntent `json:"payment_intents"`
	Charges        []stripeCharge `json:"charges"`
	Events         []struct {
		ID      string `json:"id"`
		Type    string `json:"type"`
		Pending int    `json:"pending_webhooks"`
	} `json:"events"`
}

// state reads the simulator's record.
func (r *rig) state(ctx context.Context) (simState, error) {
	var s simState
	err := r.call(ctx, http.MethodGet, r.sim+"/_sim/state", http.Header{}, "", &s)
	return s, err
}

// pay confirms a PaymentIntent in the customer's browser, and answers the bank's challenge if there
// is one.
func (r *rig) pay(ctx context.Context, clientSecret string, details stripesim.PaymentDetails) error {
	intent, err := r.browser.ConfirmCardPayment(ctx, clientSecret, details)
	if err != nil {
		return err
	}
	if intent.Status == "requires_action" {
		if intent, err = r.browser.Authenticate(ctx, intent, true); err != nil {
			return err
		}
	}
	if intent.Status != "succeeded" {
		return fmt.Errorf("the payment is %s", intent.Status)
	}
	return nil
}

// installments returns the JSON of a plan of equal parts, for a customer with the plan's name.
func installments(reference, currency string, total, parts int, every string) string {
	return fmt.Sprintf(`{"reference": %q, "kind": "installments", "currency": %q, "total": %d, "parts": %d, "every": %q, "customer": %s}`,
		reference, currency, total, parts, every, customerOf(reference))
}

// customerOf returns the JSON of the customer of a plan.
func customerOf(reference string) string {
	return fmt.Sprintf(`{"reference": "customer-of-%[1]s", "email": "%[1]s@example.com", "timezone": "Europe/Berlin"}`, reference)
}

// ownIntent creates a PaymentIntent at Stripe whose metadata requests a plan, like a merchant who
// does not call Tranche's API, and returns its client secret.
func (r *rig) ownIntent(ctx context.Context, reference string, first, total, parts int, every string) (string, error) {
	form := url.Values{
		"amount": {strconv.Itoa(first)}, "currency": {"usd"}, "payment_method_types[]": {"card"}, "setup_future_usage": {"off_session"},
		"metadata[tranche_reference]": {reference}, "metadata[tranche_kind]": {"installments"}, "metadata[tranche_total]": {strconv.Itoa(total)},
		"metadata[tranche_parts]": {strconv.Itoa(parts)}, "metadata[tranche_every]": {every},
		"metadata[tranche_customer]": {"customer-of-" + reference}, "metadata[tranche_email]": {reference + "@example.com"},
	}
	var pi stripeIntent
	err := r.stripe(ctx, http.MethodPost, "/v1/payment_intents", form, &pi)
	return pi.ClientSecret, err
}
