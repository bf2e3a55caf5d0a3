package app_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"

	"tranche/internal/stripesim"
	"tranche/internal/testenv"
)

// TestMessagesReachEndpoints runs a whole process, on each database and queue, with a receiver that
// is down at first.
func TestMessagesReachEndpoints(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(t *testing.T) map[string]string{
		"embedded": func(*testing.T) map[string]string { return map[string]string{} },
		"postgres and redis": func(t *testing.T) map[string]string {
			t.Helper()
			return map[string]string{"DATABASE_URL": testenv.Postgres(t), "REDIS_URL": testenv.Redis(t)}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sim, url := stripe(t)
			set := change(t)
			set["TRANCHE_SECRET_KEY"], set["TRANCHE_WEBHOOK_ALLOW_PRIVATE"] = "a-key-of-32-characters-or-more-000", "true"
			a := started(t, settings(t, url, set))
			defer a.Stop()
			sim.AddWebhook(stripesim.WebhookEndpoint{URL: "http://" + a.Addr() + "/webhooks/stripe", Secret: "whsec_app"})

			r := &listener{seen: map[string]string{}}
			server := httptest.NewServer(r)
			defer server.Close()
			var made struct{ Secret string }
			require.NoError(t, json.Unmarshal(post(t, a.Addr(), "/v1/webhook_endpoints", `{"url": "`+server.URL+`"}`), &made))
			var err error
			r.mu.Lock()
			r.verifier, err = standardwebhooks.NewWebhook(made.Secret)
			r.mu.Unlock()
			require.NoError(t, err)

			plan := create(t, a, `{"reference": "order-1", "kind": "installments", "currency": "usd", "total": 2000, "parts": 2, "every": "1 month",
				"customer": {"reference": "ada", "email": "ada@example.com"}}`)
			_, err = (&stripesim.Browser{BaseURL: url}).ConfirmCardPayment(t.Context(), plan.FirstPayment.ClientSecret,
				stripesim.PaymentDetails{Card: &stripesim.Card{Number: "4242424242424242"}, SetupFutureUsage: "off_session"})
			require.NoError(t, err)
			require.Eventually(t, func() bool {
				types := r.types()
				for _, want := range []string{"plan.created", "charge.succeeded", "card.saved", "plan.active", "notice.kept"} {
					if !types[want] {
						return false
					}
				}
				return true
			}, 40*time.Second, 50*time.Millisecond, "the first was refused, and came again after five seconds")
			_, page := get(t, "http://"+a.AdminAddr()+"/metrics")
			require.Contains(t, page, `tranche_webhook_deliveries_total{outcome="delivered"}`)
			require.Contains(t, page, `tranche_webhook_deliveries_total{outcome="retried"} 1`)
			require.Contains(t, page, "tranche_webhook_deliveries_pending ")
		})
	}
}

// listener is a merchant's server that refuses the first message, and verifies the messages that it
// accepts.
type listener struct {
	mu       sync.Mutex
	verifier *standardwebhooks.Webhook
	refused  bool
	seen     map[string]string
}

// ServeHTTP receives a message.
func (l *listener) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil || l.verifier.Verify(body, r.Header) != nil || !l.refused {
		l.refused = true
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	var m struct{ ID, Type string }
	if json.Unmarshal(body, &m) == nil {
		l.seen[m.ID] = m.Type
	}
}

func (l *listener) types() map[string]bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	types := map[string]bool{}
	for _, t := range l.seen {
		types[t] = true
	}
	return types
}

func post(t *testing.T, addr, path, body string) []byte {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+addr+path, strings.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+apiKey)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusCreated, resp.StatusCode, "%s", answer)
	return answer
}
