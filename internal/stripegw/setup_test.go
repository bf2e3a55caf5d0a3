package stripegw_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
)

const anySetup = `{"id": "seti_1", "object": "setup_intent", "status": "requires_payment_method", "client_secret": "seti_1_secret_hush", "customer": "cus_1"}`

func TestASetupIntentIsForACardAndLaterUse(t *testing.T) {
	t.Parallel()
	g, stripe := answering(t, ok(anySetup))
	si, err := g.CreateSetupIntent(t.Context(), "key_1", billing.SetupParams{
		Customer: "cus_1", Description: "order-1", Metadata: map[string]string{"tranche_customer": "ada"},
	})
	require.NoError(t, err)
	sent := stripe.only(t)
	require.Equal(t, "/v1/setup_intents", sent.path)
	require.Equal(t, "key_1", sent.header.Get("Idempotency-Key"))
	require.Equal(t, "customer=cus_1&description=order-1&metadata%5Btranche_customer%5D=ada&payment_method_types%5B0%5D=card&usage=off_session",
		sent.form.Encode())
	require.Equal(t, "seti_1_secret_hush", si.ClientSecret.Reveal())
	require.NotContains(t, fmt.Sprintf("%v %+v %#v", si, si, si), "hush")
}

func TestWhatIsDetachedAlreadyIsDetached(t *testing.T) {
	t.Parallel()
	for why, a := range map[string]answer{
		"detached now": ok(`{"id": "pm_1", "object": "payment_method", "type": "card", "customer": null}`),
		"detached before": {status: 400, body: `{"error": {"type": "invalid_request_error",
			"message": "The payment method you provided is not attached to a customer so detachment is impossible."}}`},
		"gone": {status: 404, body: errorBody("invalid_request_error", "resource_missing")},
	} {
		g, stripe := answering(t, a)
		require.NoError(t, g.DetachPaymentMethod(t.Context(), "key_1", "pm_1"), why)
		require.Equal(t, "/v1/payment_methods/pm_1/detach", stripe.only(t).path)
	}
	g, _ := answering(t, answer{status: 500, body: "{}"})
	require.ErrorIs(t, g.DetachPaymentMethod(t.Context(), "key_1", "pm_1"), billing.ErrUnavailable)
	g, stripe := answering(t, ok(anySetup))
	require.Error(t, g.DetachPaymentMethod(t.Context(), "key_1", ""))
	require.Empty(t, stripe.requests)
}
