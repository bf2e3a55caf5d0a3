package app_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/stripesim"
)

// TestRunning_AnotherAccountAnswers has another Stripe account answer a running process. Its next
// charge shows that: nothing is charged, readiness and an alarm name the account, and webhooks are
// refused.
func TestRunning_AnotherAccountAnswers(t *testing.T) {
	t.Parallel()
	mine := stripesim.New(stripesim.Options{Account: stripesim.Account{ID: "acct_1Mine"}})
	other := stripesim.New(stripesim.Options{Account: stripesim.Account{ID: "acct_1Other"}})
	var answers atomic.Pointer[stripesim.Server]
	answers.Store(mine)
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { answers.Load().ServeHTTP(w, r) }))
	t.Cleanup(func() { mine.Close(); other.Close(); front.Close() })
	a := started(t, settings(t, front.URL, nil))
	defer a.Stop()
	mine.AddWebhook(stripesim.WebhookEndpoint{URL: "http://" + a.Addr() + "/webhooks/stripe", Secret: "whsec_app"})
	plan := create(t, a, `{"reference": "order-1", "kind": "deposit", "currency": "usd", "total": 3000, "deposit": 1000, "balance_due": "`+
		time.Now().Add(time.Hour).UTC().Format(time.RFC3339Nano)+`", "customer": {"reference": "ada"}}`)
	_, err := (&stripesim.Browser{BaseURL: front.URL}).ConfirmCardPayment(t.Context(), plan.FirstPayment.ClientSecret,
		stripesim.PaymentDetails{Card: &stripesim.Card{Number: "4242424242424242"}, SetupFutureUsage: "off_session"})
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		p, err := a.Store().Plan(t.Context(), plan.ID)
		return err == nil && p.Status == billing.PlanActive
	}, 30*time.Second, 50*time.Millisecond)

	answers.Store(other)
	fallDue(t, a.Store(), plan.Charges[1].ID)
	body := ""
	require.Eventually(t, func() bool {
		var status int
		status, body = get(t, "http://"+a.AdminAddr()+"/readyz")
		return status == http.StatusServiceUnavailable && strings.Contains(body, `"account":"down"`) && strings.Contains(body, `"account_wrong"`)
	}, 40*time.Second, 100*time.Millisecond, &body)
	resp, err := http.Post("http://"+a.Addr()+"/webhooks/stripe", "application/json", strings.NewReader("{}"))
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, http.StatusServiceUnavailable, resp.StatusCode, "Stripe sends it again")
	require.Empty(t, other.PaymentIntents())
}
