package stripegw_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/stripegw"
)

// TestSpellings reads objects in the formats of other servers.
func TestSpellings(t *testing.T) {
	t.Parallel()
	at := time.Unix(1767225600, 0).UTC()
	want := billing.PaymentIntent{
		ID: "pi_1", Status: billing.IntentSucceeded, Amount: 1099, AmountReceived: 1099, Currency: "usd", PaymentMethod: "pm_1",
		LatestCharge: "ch_2", Metadata: map[string]string{"a": "b", "n": "3", "yes": "true"}, CreatedAt: at, RequestID: "req_test1",
	}
	const head = `{"id":"pi_1","object":"payment_intent","status":"succeeded","currency":"USD",`
	for name, rest := range map[string]string{
		"numbers": `"amount":1099,"amount_received":1099.0,"created":1767225600.987,"payment_method":"pm_1","latest_charge":"ch_2",
			"metadata":{"a":"b","n":3,"yes":true,"none":null}}`,
		"texts": `"amount":"1099","amount_received":"1099","created":"1767225600","payment_method":{"id":"pm_1"},"latest_charge":{"id":"ch_2"},
			"metadata":{"a":"b","n":"3","yes":"true"}}`,
		"the charge names the card": `"amount":1099,"amount_received":1099,"created":1767225600,"metadata":{"a":"b","n":3,"yes":true},
			"payment_method":null,"latest_charge":{"id":"ch_2","payment_method":{"id":"pm_1"}}}`,
		"a list of charges, newest first": `"amount":1099,"amount_received":1099,"created":1767225600,"metadata":{"a":"b","n":3,"yes":true},
			"charges":{"object":"list","data":[{"id":"ch_2","payment_method":"pm_1"},{"id":"ch_1","payment_method":"pm_0"}]}}`,
	} {
		g, _ := answering(t, ok(head+rest))
		p, err := g.PaymentIntent(t.Context(), "pi_1")
		require.NoError(t, err, name)
		require.Equal(t, want, p, name)
	}
}

// TestOddFields loses only the odd field.
func TestOddFields(t *testing.T) {
	t.Parallel()
	for _, odd := range []string{
		`"metadata":[]`, `"metadata":null`, `"metadata":"x"`, `"charges":[]`, `"charges":"x"`, `"charges":{"data":[]}`, `"charges":{"data":["ch_1"]}`,
		`"latest_charge":7`, `"created":null`, `"amount_received":""`,
	} {
		g, _ := answering(t, ok(`{"id":"pi_1","status":"processing",`+odd+`}`))
		p, err := g.PaymentIntent(t.Context(), "pi_1")
		require.NoError(t, err, odd)
		require.Equal(t, billing.IntentProcessing, p.Status, odd)
	}
}

// TestAmountsAreNotRounded has no result for the charge if the amount is not a whole number.
func TestAmountsAreNotRounded(t *testing.T) {
	t.Parallel()
	for _, amount := range []string{`10.99`, `"10.99"`, `"ten"`, `"Inf"`, `"NaN"`, `1e300`, `true`, `{}`} {
		g, _ := answering(t, ok(`{"id":"pi_1","status":"succeeded","amount":`+amount+`}`))
		_, err := g.PaymentIntent(t.Context(), "pi_1")
		require.Equal(t, billing.GatewayUnknown, gatewayError(t, err).Kind, amount)
	}
}

// TestADeclineCodeIsADecline with any status, type and code.
func TestADeclineCodeIsADecline(t *testing.T) {
	t.Parallel()
	g, _ := answering(t, answer{status: 400, body: `{"error":{"type":"invalid_request_error","decline_code":"lost_card"}}`})
	_, err := g.PaymentIntent(t.Context(), "pi_1")
	require.Equal(t, billing.GatewayDeclined, gatewayError(t, err).Kind)
}

// TestEventTimes reads the time of an event with a fraction.
func TestEventTimes(t *testing.T) {
	t.Parallel()
	e, err := stripegw.ParseEvent([]byte(`{"id":"evt_1","type":"x","created":1767225600.5,"data":{"object":{"id":"pi_1"}}}`))
	require.NoError(t, err)
	require.Equal(t, time.Unix(1767225600, 0).UTC(), e.CreatedAt)
}
