package stripesim_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/stripe/stripe-go/v76"
	"github.com/stripe/stripe-go/v76/client"

	"tranche/internal/stripesim"
)

const secretKey = "sk_test_simulator"

// clock is a clock that tests set.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// sim is a simulator behind real HTTP, with stripe-go and a Browser as its clients.
type sim struct {
	t       *testing.T
	server  *stripesim.Server
	http    *httptest.Server
	api     *client.API
	browser *stripesim.Browser
	clock   *clock
}

func newSim(t *testing.T, change ...func(*stripesim.Options)) *sim {
	t.Helper()
	tick := newClock()
	options := stripesim.Options{Now: tick.Now, WebhookBackoff: []time.Duration{}}
	for _, apply := range change {
		apply(&options)
	}
	server := stripesim.New(options)
	front := httptest.NewServer(server)
	t.Cleanup(front.Close)
	t.Cleanup(server.Close)
	return &sim{
		t: t, server: server, http: front, clock: tick, api: stripeClient(front.URL, front.Client()),
		browser: &stripesim.Browser{BaseURL: front.URL, Client: front.Client()},
	}
}

func stripeClient(base string, httpClient *http.Client) *client.API {
	backend := stripe.GetBackendWithConfig(stripe.APIBackend, &stripe.BackendConfig{
		URL: stripe.String(base), HTTPClient: httpClient, MaxNetworkRetries: stripe.Int64(0),
		LeveledLogger: &stripe.LeveledLogger{Level: stripe.LevelNull}, EnableTelemetry: stripe.Bool(false),
	})
	return client.New(secretKey, &stripe.Backends{API: backend, Connect: backend, Uploads: backend})
}

// reply is a raw HTTP response.
type reply struct {
	status int
	header http.Header
	body   map[string]any
}

// field returns a nested field of the body, as in field("error", "code").
func (r reply) field(path ...string) any {
	var at any = r.body
	for _, name := range path {
		m, ok := at.(map[string]any)
		if !ok {
			return nil
		}
		at = m[name]
	}
	return at
}

func (r reply) id() string { return r.body["id"].(string) }

// do sends a raw request with the secret key; header pairs follow the form.
func (s *sim) do(method, path, formText string, header ...string) reply {
	s.t.Helper()
	out, err := s.try(method, path, formText, header...)
	require.NoError(s.t, err)
	return out
}

func (s *sim) try(method, path, formText string, header ...string) (reply, error) {
	target, body := s.http.URL+path, io.Reader(nil)
	if method == http.MethodPost {
		body = strings.NewReader(formText)
	} else if formText != "" {
		target += "?" + formText
	}
	req, err := http.NewRequest(method, target, body)
	if err != nil {
		return reply{}, err
	}
	req.Header.Set("Authorization", "Bearer "+secretKey)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		return reply{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return reply{}, err
	}
	out := reply{status: resp.StatusCode, header: resp.Header}
	if err := json.Unmarshal(raw, &out.body); err != nil {
		return reply{}, err
	}
	return out, nil
}

func (s *sim) post(path, formText string, header ...string) reply {
	s.t.Helper()
	return s.do(http.MethodPost, path, formText, header...)
}

func (s *sim) get(path, query string) reply {
	s.t.Helper()
	return s.do(http.MethodGet, path, query)
}

// ok sends a POST request and requires success.
func (s *sim) ok(path, formText string) reply {
	s.t.Helper()
	out := s.post(path, formText)
	require.Equal(s.t, http.StatusOK, out.status, "%v", out.body)
	return out
}

func (s *sim) customer() string {
	s.t.Helper()
	return s.ok("/v1/customers", "email=ada@example.com").id()
}

// card makes a PaymentMethod in a browser.
func (s *sim) card(number string, metadata ...string) string {
	s.t.Helper()
	meta := map[string]string{}
	for i := 0; i+1 < len(metadata); i += 2 {
		meta[metadata[i]] = metadata[i+1]
	}
	id, err := s.browser.CreatePaymentMethod(s.t.Context(), stripesim.Card{Number: number}, meta)
	require.NoError(s.t, err)
	return id
}

// intent makes an unconfirmed card PaymentIntent and returns id and secret.
func (s *sim) intent(extra string) (id, secret string) {
	s.t.Helper()
	out := s.ok("/v1/payment_intents", "amount=2000&currency=usd&payment_method_types[]=card&"+extra)
	return out.id(), out.body["client_secret"].(string)
}

// saved pays once on-session with setup_future_usage, authenticating if required, and attaches the
// card to a new customer.
func (s *sim) saved(number string, metadata ...string) (customer, method string) {
	s.t.Helper()
	customer, method = s.customer(), s.card(number, metadata...)
	_, secret := s.intent("setup_future_usage=off_session&customer=" + customer)
	paid, err := s.browser.ConfirmCardPayment(s.t.Context(), secret, stripesim.PaymentDetails{PaymentMethod: method})
	require.NoError(s.t, err)
	if paid.Status == "requires_action" {
		paid, err = s.browser.Authenticate(s.t.Context(), paid, true)
		require.NoError(s.t, err)
	}
	require.Equal(s.t, "succeeded", paid.Status)
	return customer, method
}

// offSession returns the form that charges a saved card.
func offSession(customer, method string) string {
	return url.Values{
		"amount": {"1500"}, "currency": {"usd"}, "payment_method_types[]": {"card"}, "customer": {customer}, "payment_method": {method},
		"off_session": {"true"}, "confirm": {"true"},
	}.Encode()
}

// eventTypes lists the types of all events, oldest first.
func (s *sim) eventTypes() []string {
	s.t.Helper()
	out := s.get("/v1/events", "limit=100")
	var types []string
	for _, one := range out.body["data"].([]any) {
		types = append([]string{one.(map[string]any)["type"].(string)}, types...)
	}
	return types
}

func stripeError(t *testing.T, err error) *stripe.Error {
	t.Helper()
	var found *stripe.Error
	require.ErrorAs(t, err, &found)
	return found
}

func apiError(t *testing.T, err error) *stripesim.APIError {
	t.Helper()
	var found *stripesim.APIError
	require.ErrorAs(t, err, &found)
	return found
}

// post calls the handler in process, without a connection.
func post(server *stripesim.Server, path string) {
	req := httptest.NewRequest(http.MethodPost, path, nil)
	req.Header.Set("Authorization", "Bearer "+secretKey)
	server.ServeHTTP(httptest.NewRecorder(), req)
}
