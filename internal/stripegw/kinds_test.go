package stripegw_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
)

// TestKinds tries every status with every type and code that changes the kind.
func TestKinds(t *testing.T) {
	t.Parallel()
	const (
		api, card, invalid, idem = "api_error", "card_error", "invalid_request_error", "idempotency_error"
	)
	tests := []struct {
		status    int
		typ, code string
		want      billing.GatewayKind
	}{
		{402, card, "card_declined", billing.GatewayDeclined},
		{402, card, "authentication_required", billing.GatewayDeclined},
		{402, card, "expired_card", billing.GatewayDeclined},
		{402, card, "incorrect_cvc", billing.GatewayDeclined},
		{402, card, "processing_error", billing.GatewayDeclined},
		{402, card, "card_decline_rate_limit_exceeded", billing.GatewayDeclined},
		{402, "", "", billing.GatewayDeclined},
		{402, invalid, "", billing.GatewayDeclined},
		{400, card, "card_declined", billing.GatewayDeclined},
		{429, card, "card_decline_rate_limit_exceeded", billing.GatewayDeclined},
		{400, invalid, "card_declined", billing.GatewayDeclined},
		{400, invalid, "authentication_required", billing.GatewayDeclined},
		{400, "", "insufficient_funds", billing.GatewayDeclined},
		{400, invalid, "", billing.GatewayRejected},
		{400, invalid, "parameter_missing", billing.GatewayRejected},
		{400, invalid, "amount_too_small", billing.GatewayRejected},
		{400, invalid, "payment_method_unexpected_state", billing.GatewayRejected},
		{400, idem, "", billing.GatewayRejected},
		{400, idem, "idempotency_error", billing.GatewayRejected},
		{400, idem, "idempotency_key_in_use", billing.GatewayInProgress},
		{400, invalid, "resource_missing", billing.GatewayNotFound},
		{404, invalid, "resource_missing", billing.GatewayNotFound},
		{404, invalid, "", billing.GatewayNotFound},
		{400, invalid, "payment_intent_unexpected_state", billing.GatewayWrongState},
		{402, card, "payment_intent_unexpected_state", billing.GatewayWrongState},
		{400, invalid, "setup_intent_unexpected_state", billing.GatewayWrongState},
		{400, invalid, "intent_invalid_state", billing.GatewayWrongState},
		{400, invalid, "lock_timeout", billing.GatewayLimited},
		{401, invalid, "", billing.GatewayUnauthorized},
		{401, invalid, "api_key_expired", billing.GatewayUnauthorized},
		{403, invalid, "", billing.GatewayUnauthorized},
		{403, invalid, "more_permissions_required_for_application", billing.GatewayUnauthorized},
		{403, invalid, "account_invalid", billing.GatewayUnauthorized},
		{405, invalid, "", billing.GatewayRejected},
		{409, idem, "idempotency_key_in_use", billing.GatewayInProgress},
		{409, api, "idempotency_key_in_use", billing.GatewayInProgress},
		{409, invalid, "", billing.GatewayInProgress},
		{422, invalid, "", billing.GatewayRejected},
		{429, invalid, "rate_limit", billing.GatewayLimited},
		{429, invalid, "lock_timeout", billing.GatewayLimited},
		{429, api, "", billing.GatewayLimited},
		{500, api, "", billing.GatewayUnknown},
		{500, card, "card_declined", billing.GatewayUnknown},
		{500, invalid, "resource_missing", billing.GatewayUnknown},
		{502, api, "", billing.GatewayUnknown},
		{503, api, "lock_timeout", billing.GatewayUnknown},
		{504, api, "idempotency_key_in_use", billing.GatewayUnknown},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%d %s %s", tt.status, tt.typ, tt.code), func(t *testing.T) {
			t.Parallel()
			g, stripe := answering(t, answer{status: tt.status, body: errorBody(tt.typ, tt.code)})
			p := billing.PaymentParams{PaymentIntent: "pi_1", PaymentMethod: "pm_1"}
			_, err := g.ConfirmPaymentIntent(t.Context(), "att_1", p)
			want := &billing.GatewayError{
				Op: "confirm PaymentIntent pi_1", Kind: tt.want, HTTPStatus: tt.status, Type: tt.typ, RequestID: "req_test1",
				Failure: billing.Failure{Code: tt.code, Message: "As Stripe words it."},
			}
			if tt.status == http.StatusForbidden && tt.code != "account_invalid" {
				want.Permission = "PaymentIntents: Write"
			}
			require.Equal(t, want, gatewayError(t, err))
			stripe.only(t) // and it is not sent twice
		})
	}
}

// TestStrangeAnswers shows responses that are not Stripe's: with any status, they show nothing
// about the charge.
func TestStrangeAnswers(t *testing.T) {
	t.Parallel()
	bodies := map[string]string{
		"empty": "", "null": "null", "empty object": "{}", "page": "<html><b>Bad gateway</b></html>", "list": "[]",
		"string": `"no"`, "cut short": `{"id":"pi_1","object":"payme`, "no status": `{"id":"pi_1","object":"payment_intent"}`,
		"no id": `{"object":"payment_intent","status":"succeeded"}`, "oauth": `{"error":"invalid_request"}`,
		"error is null": `{"error":null}`, "other object": `{"id":"pi_1","object":"customer","status":"succeeded"}`,
	}
	for _, status := range []int{200, 201, 204, 302, 400, 401, 402, 403, 404, 409, 429, 500, 503} {
		for name, body := range bodies {
			if status == 204 && body != "" {
				continue
			}
			t.Run(fmt.Sprint(status, " ", name), func(t *testing.T) {
				t.Parallel()
				g, _ := answering(t, answer{status: status, body: body, header: map[string]string{"Location": "/v1/other"}})
				_, err := g.CreatePaymentIntent(t.Context(), "att_1", billing.PaymentParams{Amount: 1, Currency: "usd"})
				e := gatewayError(t, err)
				want := billing.GatewayUnknown
				if status == http.StatusTooManyRequests {
					want = billing.GatewayLimited
				}
				require.Equal(t, want, e.Kind, "%v", e)
				require.Equal(t, status, e.HTTPStatus)
				require.ErrorIs(t, e, billing.ErrUnavailable)
				require.NotContains(t, e.Error(), "html")
			})
		}
	}
}

// TestErrorWithOddIntent reads a decline although the PaymentIntent in it has an unknown shape.
func TestErrorWithOddIntent(t *testing.T) {
	t.Parallel()
	for _, pi := range []string{`"pi_1"`, `{"id":17}`, `[]`, `null`, `{"object":"payment_intent"}`} {
		body := `{"error":{"type":"card_error","code":"card_declined","charge":{"id":"ch_9"},"payment_intent":` + pi + `}}`
		g, _ := answering(t, answer{status: 402, body: body})
		_, err := g.CreatePaymentIntent(t.Context(), "att_1", billing.PaymentParams{Amount: 1, Currency: "usd"})
		e := gatewayError(t, err)
		require.Equal(t, billing.GatewayDeclined, e.Kind, pi)
		require.Nil(t, e.PaymentIntent, pi)
		require.Equal(t, "ch_9", e.StripeCharge)
	}
}

func TestDecline(t *testing.T) {
	t.Parallel()
	g, _ := answering(t, answer{status: 402, body: golden(t, "error_402_insufficient_funds.json")})
	_, err := g.CreatePaymentIntent(t.Context(), "att_1", billing.PaymentParams{Amount: 33300, Currency: "usd"})
	e := gatewayError(t, err)
	require.Equal(t, billing.GatewayDeclined, e.Kind)
	require.Equal(t, "ch_3Declined", e.StripeCharge)
	require.Equal(t, billing.Failure{
		Code: "card_declined", DeclineCode: "insufficient_funds", AdviceCode: "try_again_later", NetworkAdviceCode: "02",
		NetworkDeclineCode: "51", Message: "Your card has insufficient funds.",
	}, e.Failure)
	require.Equal(t, "pi_3Declined", e.PaymentIntent.ID)
	require.Equal(t, billing.IntentRequiresPaymentMethod, e.PaymentIntent.Status)
	require.Equal(t, "pm_1Card", e.PaymentIntent.LastErrorPaymentMethod)
	require.Equal(t, "insufficient_funds", e.PaymentIntent.LastError.DeclineCode)
}

// TestWrongState returns the PaymentIntent that Stripe includes in the error.
func TestWrongState(t *testing.T) {
	t.Parallel()
	body := `{"error":{"type":"invalid_request_error","code":"payment_intent_unexpected_state",
		"message":"because it has already succeeded","payment_intent":` + golden(t, "payment_intent_succeeded.json") + `}}`
	g, _ := answering(t, answer{status: 400, body: body})
	_, err := g.CancelPaymentIntent(t.Context(), "k", "pi_3Succeeded")
	e := gatewayError(t, err)
	require.Equal(t, billing.GatewayWrongState, e.Kind)
	require.Equal(t, billing.IntentSucceeded, e.PaymentIntent.Status)
	require.False(t, e.Resend())
}
