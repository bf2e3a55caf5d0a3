package stripegw_test

import (
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/stripegw"
)

// TestEachCallIsObserved by operation and failure, without the object's id.
func TestEachCallIsObserved(t *testing.T) {
	t.Parallel()
	f := &fakeStripe{answers: []answer{
		ok(`{"id":"pi_1","object":"payment_intent","status":"succeeded"}`),
		{status: 402, body: `{"error":{"type":"card_error","code":"card_declined"}}`},
		{status: 500, body: `{}`},
		ok(`{"object":"list","data":[],"has_more":false}`),
		ok(`{"id":"acct_1","object":"account"}`),
	}}
	srv := httptest.NewServer(f)
	t.Cleanup(srv.Close)
	var seen [][2]string
	g := newGateway(t, stripegw.Config{SecretKey: testKey, APIBase: srv.URL, Observe: func(op string, kind billing.GatewayKind, took time.Duration) {
		require.Positive(t, took)
		seen = append(seen, [2]string{op, string(kind)})
	}})
	_, _ = g.PaymentIntent(t.Context(), "pi_1")
	_, _ = g.ConfirmPaymentIntent(t.Context(), "key", billing.PaymentParams{PaymentIntent: "pi_1"})
	_, _ = g.CreateCustomer(t.Context(), "key", billing.CustomerParams{})
	_, _ = g.FindPaymentIntent(t.Context(), "cus_1", time.Time{}, func(billing.PaymentIntent) bool { return false })
	_, _ = g.Account(t.Context())
	require.Equal(t, [][2]string{
		{"get PaymentIntent", ""}, {"confirm PaymentIntent", "declined"}, {"create customer", "unknown"}, {"find PaymentIntent", ""}, {"get account", ""},
	}, seen)
}

func TestWebhookEndpoints(t *testing.T) {
	t.Parallel()
	g, _ := answering(t, ok(`{"object":"list","data":[{"url":"https://a.example/webhooks/stripe","status":"enabled","enabled_events":["*"]},
		{"url":"https://b.example","status":"disabled","enabled_events":["charge.refunded"],"secret":"whsec_x"}]}`))
	list, err := g.WebhookEndpoints(t.Context())
	require.NoError(t, err)
	require.Equal(t, []stripegw.WebhookEndpoint{
		{URL: "https://a.example/webhooks/stripe", Enabled: true, Types: []string{"*"}},
		{URL: "https://b.example", Types: []string{"charge.refunded"}},
	}, list)
	g, _ = answering(t, answer{status: 403, body: `{"error":{"message":"no permission"}}`})
	_, err = g.WebhookEndpoints(t.Context())
	require.Equal(t, billing.GatewayUnauthorized, gatewayError(t, err).Kind)
}
