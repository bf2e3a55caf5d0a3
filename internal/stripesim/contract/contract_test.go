package contract_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/stripe/stripe-go/v76"
	"github.com/stripe/stripe-go/v76/client"

	"tranche/internal/stripesim"
	"tranche/internal/stripesim/contract"
)

func TestTheCheckFindsWhatIsWrong(t *testing.T) {
	rules, err := load()
	require.NoError(t, err)
	const good = `{"id":"re_1","object":"refund","amount":1,"created":1,"currency":"usd"}`
	require.Empty(t, rules.CheckResource([]byte(good)))
	tests := []struct{ name, old, new, want string }{
		{"an extra property", `"amount"`, `"bogus":1,"amount"`, "$.bogus: is not in the description"},
		{"a missing property", `"amount":1,`, ``, "$.amount: is missing"},
		{"a wrong type", `"amount":1`, `"amount":"1"`, "$.amount: is a string, not integer"},
		{"a wrong enum", `"amount":1`, `"amount":1,"reason":"whim"`, "$.reason: whim is not one of"},
		{"a null", `"amount":1`, `"amount":null`, "$.amount: null is not allowed"},
		{"an unknown object", `"refund"`, `"fund"`, `no schema for object "fund"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			found := rules.CheckResource([]byte(strings.Replace(good, tt.old, tt.new, 1)))
			require.Contains(t, strings.Join(found, "; "), tt.want)
		})
	}
	require.NotEmpty(t, rules.CheckResponse("GET", "/v1/nothing", 200, []byte(`{}`)))
	require.NotEmpty(t, rules.CheckResponse("GET", "/v1/account", 400, []byte(`{"error":{}}`)))
	event := `{"id":"evt_1","object":"event","created":1,"data":{"object":` + strings.Replace(good, `"amount":1,`, ``, 1) +
		`},"livemode":false,"pending_webhooks":0,"type":"refund.created"}`
	require.NotEmpty(t, rules.CheckResource([]byte(event)))
}

func TestRequestsAreHeldAgainstTheDescription(t *testing.T) {
	rules, err := load()
	require.NoError(t, err)
	sim := stripesim.New(stripesim.Options{})
	t.Cleanup(sim.Close)
	var broken []contract.Violation
	checked, err := rules.Requests(sim, func(v contract.Violation) { broken = append(broken, v) })
	require.NoError(t, err)
	front := httptest.NewServer(checked)
	t.Cleanup(front.Close)

	backend := stripe.GetBackendWithConfig(stripe.APIBackend, &stripe.BackendConfig{
		URL: stripe.String(front.URL), MaxNetworkRetries: stripe.Int64(0), EnableTelemetry: stripe.Bool(false),
		LeveledLogger: &stripe.LeveledLogger{Level: stripe.LevelNull},
	})
	api := client.New("sk_test_contract", &stripe.Backends{API: backend, Connect: backend, Uploads: backend})
	_, err = api.PaymentIntents.New(&stripe.PaymentIntentParams{
		Amount: stripe.Int64(1000), Currency: stripe.String("usd"), PaymentMethodTypes: stripe.StringSlice([]string{"card"}),
		Confirm: stripe.Bool(true), OffSession: stripe.Bool(true), PaymentMethod: stripe.String("pm_card_visa"),
	})
	require.NoError(t, err)
	browser := stripesim.Browser{BaseURL: front.URL}
	_, err = browser.CreatePaymentMethod(t.Context(), stripesim.Card{Number: "4242424242424242"}, nil)
	require.NoError(t, err)
	require.Empty(t, broken)

	for _, form := range []string{"amount=1&currency=usd&bogus=1", "currency=usd", "amount=1&currency=usd&capture_method=never"} {
		broken = nil
		resp, err := http.DefaultClient.Do(request(t, front.URL+"/v1/payment_intents", form))
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Len(t, broken, 1, form)
		require.Contains(t, broken[0].String(), "POST /v1/payment_intents")
	}
}
