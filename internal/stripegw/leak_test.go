package stripegw_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/stripegw"
)

// seeded are the secrets that the servers of these tests put everywhere in their responses.
func seeded() []string {
	return []string{
		testKey, "SEEDEDCLIENTSECRET", "seeded-receipt@example.com", "Seeded Cardholder", "SeededFingerprint",
		"4000000000009995", "4000 0000 0000 9995", "sk_live_51Another", "whsec_Seeded",
	}
}

func seededBodies(t *testing.T) map[string]string {
	whole := golden(t, "error_402_insufficient_funds.json")
	message := strings.Join(seeded(), " and ") + " and pi_1_secret_SEEDEDCLIENTSECRET1"
	message = strings.NewReplacer("and SEEDEDCLIENTSECRET", "", "seeded-receipt@example.com", "", "Seeded Cardholder", "", "SeededFingerprint", "").Replace(message)
	quoted, err := json.Marshal(message)
	require.NoError(t, err)
	return map[string]string{
		"decline":     whole,
		"message":     strings.Replace(whole, `"Your card has insufficient funds."`, string(quoted), 2),
		"wrong state": strings.Replace(whole, `"card_error"`, `"invalid_request_error"`, 2),
		"cut short":   whole[:len(whole)-30],
		"page":        "<html>" + message + "</html>",
		"no error":    strings.Replace(whole, `"error"`, `"eror"`, 1),
		"success":     `{"object":"payment_intent","client_secret":"pi_1_secret_SEEDEDCLIENTSECRET","receipt_email":"seeded-receipt@example.com"}`,
		"bad type":    `{"id":7,"object":"payment_intent","client_secret":"pi_1_secret_SEEDEDCLIENTSECRET"}`,
	}
}

// printed lists all forms of an error that can reach a log.
func printed(t *testing.T, err error) string {
	t.Helper()
	doc, jsonErr := json.Marshal(err)
	require.NoError(t, jsonErr)
	e := gatewayError(t, err)
	wrapped := fmt.Errorf("collect charge: %w", err)
	return strings.Join([]string{
		err.Error(), fmt.Sprintf("%v %+v %#v %s %q", err, err, err, err, err), string(doc), fmt.Sprintf("%+v %#v", *e, *e),
		fmt.Sprintf("%+v %#v", e.PaymentIntent, e.PaymentIntent), fmt.Sprintf("%v %+v", wrapped, wrapped),
	}, "\n")
}

// TestNoLeak puts secrets into every response and looks for them in every form of every error.
func TestNoLeak(t *testing.T) {
	t.Parallel()
	for name, body := range seededBodies(t) {
		for _, status := range []int{200, 302, 400, 401, 402, 404, 409, 429, 500} {
			t.Run(fmt.Sprint(name, " ", status), func(t *testing.T) {
				t.Parallel()
				g, _ := answering(t, answer{status: status, body: body})
				for call, make := range everyCall(g) {
					err := make(t.Context())
					if call == "exists" && status == 404 && err == nil {
						continue
					}
					text := printed(t, err)
					for _, secret := range seeded() {
						require.NotContains(t, text, secret, "%s", call)
					}
				}
			})
		}
	}
}

// TestMessageKept keeps the part of Stripe's message that an operator needs, and bounds its length.
func TestMessageKept(t *testing.T) {
	t.Parallel()
	for sent, want := range map[string]string{
		"No such customer: 'cus_1'":                       "No such customer: 'cus_1'",
		"Invalid API Key provided: sk_test_****1234":      "Invalid API Key provided: [hidden]",
		"card 4242 4242 4242 4242 and 4000000000009995 x": "card [hidden] and [hidden] x",
		"pi_1_secret_abc is wrong":                        "[hidden] is wrong",
		"amount 123456789 at 1767225600":                  "amount 123456789 at 1767225600",
		strings.Repeat("é", 400):                          strings.Repeat("é", 250) + "…",
	} {
		quoted, err := json.Marshal(sent)
		require.NoError(t, err)
		g, _ := answering(t, answer{status: 400, body: `{"error":{"type":"invalid_request_error","message":` + string(quoted) + `}}`})
		_, err = g.PaymentIntent(t.Context(), "pi_1")
		require.Equal(t, want, gatewayError(t, err).Failure.Message)
	}
}

// TestGatewayHidesItsKey prints a gateway and its config.
func TestGatewayHidesItsKey(t *testing.T) {
	t.Parallel()
	c := stripegw.Config{SecretKey: testKey, APIBase: "http://user:hunter2@127.0.0.1:1"}
	g := newGateway(t, c)
	_, err := g.CreatePaymentIntent(t.Context(), "k", billing.PaymentParams{})
	require.Equal(t, billing.GatewayUnknown, gatewayError(t, err).Kind)
	text := fmt.Sprintf("%v %+v %#v %v %+v %#v", c, c, c, g, g, g) + printed(t, err)
	require.NotContains(t, text, "Seeded")
	require.NotContains(t, text, "hunter2")
	for _, base := range []string{"hunter2", "ftp://u:hunter2@x", "http://u:hunter2@", "http://u:hunter2@x\x7f", "http://x/?p=hunter2"} {
		_, err = stripegw.New(stripegw.Config{SecretKey: testKey, APIBase: base})
		require.Error(t, err)
		require.NotContains(t, err.Error(), "hunter2")
	}
	_, err = stripegw.New(stripegw.Config{SecretKey: "pk_test_Seeded"})
	require.ErrorIs(t, err, stripegw.ErrBadKey)
	require.NotContains(t, err.Error(), "Seeded")
}

func TestKeyMode(t *testing.T) {
	t.Parallel()
	for key, live := range map[string]bool{"sk_test_1": false, "rk_test_a_b": false, "sk_live_1": true, "rk_live_X9": true} {
		got, err := stripegw.KeyMode(key)
		require.NoError(t, err)
		require.Equal(t, live, got)
		g := newGateway(t, stripegw.Config{SecretKey: key})
		require.Equal(t, live, g.Livemode())
	}
	for _, key := range []string{
		"", "sk_", "sk_test", "sk_test_", "sk_liv_1", "pk_test_1", "whsec_1", "SK_TEST_1", " sk_test_1", "sk_test_1\n", "sk_test_a b", "live_1",
	} {
		_, err := stripegw.KeyMode(key)
		require.ErrorIs(t, err, stripegw.ErrBadKey, "%q", key)
	}
}
