package stripegw_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/stripegw"
	"tranche/internal/stripekey"
)

// lackingStripe refuses what one scope of a restricted key would allow; "" refuses nothing.
func lackingStripe(t *testing.T, refuse *string, body string) *stripegw.Gateway {
	t.Helper()
	return serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if *refuse != "" && strings.HasPrefix(r.Method+" "+r.URL.Path, *refuse) {
			w.WriteHeader(http.StatusForbidden)
			_, _ = fmt.Fprint(w, body)
			return
		}
		_, _ = fmt.Fprint(w, `{"id":"pi_1","object":"payment_intent","status":"succeeded","latest_charge":{"id":"ch_1"}}`)
	}))
}

const refusedWrite = `{"error":{"type":"invalid_request_error","message":"The provided key 'rk_test_1' does not have the required permissions ` +
	`for this endpoint on account 'acct_1'. Having the 'rak_payment_intent_write' permission would allow this request to continue."}}`

// TestLacking_UntilACallSucceeds reports a permission as missing until a call that needs it
// succeeds. A read proves nothing about writes.
func TestLacking_UntilACallSucceeds(t *testing.T) {
	t.Parallel()
	refuse := "POST /v1/payment_intents"
	g := lackingStripe(t, &refuse, refusedWrite)
	create := func() error {
		_, err := g.CreatePaymentIntent(t.Context(), "att_1", billing.PaymentParams{Amount: 1, Currency: "usd"})
		return err
	}
	require.Empty(t, g.Lacking())
	e := gatewayError(t, create())
	require.Equal(t, billing.GatewayUnauthorized, e.Kind)
	require.Equal(t, "PaymentIntents: Write", e.Permission)
	require.True(t, e.Resend(), "the charge waits")
	require.Equal(t, []string{"PaymentIntents: Write"}, g.Lacking())
	_, err := g.PaymentIntent(t.Context(), "pi_1")
	require.NoError(t, err)
	require.Equal(t, []string{"PaymentIntents: Write"}, g.Lacking())
	refuse = ""
	require.NoError(t, create())
	require.Empty(t, g.Lacking())
}

// TestLacking_ExpandedCharge reports the permission for the expanded object, not the one for the
// path.
func TestLacking_ExpandedCharge(t *testing.T) {
	t.Parallel()
	refuse := "GET /v1/payment_intents"
	g := lackingStripe(t, &refuse, strings.ReplaceAll(refusedWrite, "payment_intent_write", "charge_read"))
	_, err := g.Payment(t.Context(), "pi_1")
	require.Equal(t, "Charges and Refunds: Write", gatewayError(t, err).Permission)
	refuse = ""
	_, err = g.PaymentIntent(t.Context(), "pi_1")
	require.NoError(t, err)
	require.Equal(t, []string{"Charges and Refunds: Write"}, g.Lacking())
	_, err = g.Payment(t.Context(), "pi_1")
	require.NoError(t, err)
	require.Empty(t, g.Lacking())
}

// TestLacking_OtherRefusals reports no missing permission.
func TestLacking_OtherRefusals(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"no access to the account": `{"error":{"type":"invalid_request_error","code":"account_invalid","message":"no access"}}`,
		"a proxy's page":           "<html>Forbidden</html>",
	} {
		refuse := "GET /v1/payment_intents"
		g := lackingStripe(t, &refuse, body)
		_, err := g.PaymentIntent(billing.OnAccount(t.Context(), "acct_2"), "pi_1")
		e := gatewayError(t, err)
		require.Empty(t, e.Permission, name)
		require.Empty(t, g.Lacking(), name)
		require.True(t, billing.NotOffered(err), name)
	}
}

// TestLacking_ConnectedAccount distinguishes a key's missing permission from an account that
// revoked access.
func TestLacking_ConnectedAccount(t *testing.T) {
	t.Parallel()
	refuse := "GET /v1/payment_intents"
	g := lackingStripe(t, &refuse, `{"error":{"type":"invalid_request_error","message":"You passed a restricted API key with the Stripe-Account header, `+
		`but the restricted API key does not have any Connect permissions."}}`)
	_, err := g.PaymentIntent(billing.OnAccount(t.Context(), "acct_2"), "pi_1")
	require.Equal(t, "PaymentIntents: Write (Connect)", gatewayError(t, err).Permission)
	require.False(t, billing.NoAccess(err, "acct_2"))
	require.Equal(t, []string{"PaymentIntents: Write (Connect)"}, g.Lacking())
}

// TestProbe_Unclear derives no permission from a response that may have another cause.
func TestProbe_Unclear(t *testing.T) {
	t.Parallel()
	p, _ := stripekey.ForPath("/v1/payment_intents")
	for body, want := range map[string]stripegw.Probed{
		`{"error":{"type":"invalid_request_error","code":"resource_missing","message":"No such payment_intent"}}`: stripegw.ProbedGranted,
		`{"error":{"type":"invalid_request_error","message":"Unrecognized request URL"}}`:                         stripegw.ProbedUnknown,
		"<html>Not found</html>": stripegw.ProbedUnknown,
	} {
		g, _ := answering(t, answer{status: http.StatusNotFound, body: body})
		found, err := g.Probe(t.Context(), p)
		require.Equal(t, want, found, body)
		require.Equal(t, want == stripegw.ProbedGranted, err == nil)
	}
}
