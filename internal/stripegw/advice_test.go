package stripegw_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
)

// TestAdviceIsReadFromTheAnswer reads fields that stripe-go v76 does not have.
func TestAdviceIsReadFromTheAnswer(t *testing.T) {
	t.Parallel()
	const fields = `"code":"card_declined","decline_code":"do_not_honor","advice_code":"do_not_try_again","network_advice_code":"03",
		"network_decline_code":"46","message":"Your card was declined."`
	want := billing.Failure{
		Code: "card_declined", DeclineCode: "do_not_honor", AdviceCode: "do_not_try_again", NetworkAdviceCode: "03",
		NetworkDeclineCode: "46", Message: "Your card was declined.",
	}
	g, _ := answering(t, answer{status: http.StatusPaymentRequired, body: `{"error":{"type":"card_error",` + fields + `}}`},
		ok(`{"id":"pi_1","object":"payment_intent","status":"requires_payment_method","last_payment_error":{`+fields+`}}`))
	_, err := g.ConfirmPaymentIntent(t.Context(), "key-1", billing.PaymentParams{PaymentIntent: "pi_1", PaymentMethod: "pm_1"})
	require.Equal(t, want, gatewayError(t, err).Failure)
	pi, err := g.PaymentIntent(t.Context(), "pi_1")
	require.NoError(t, err)
	require.Equal(t, want, *pi.LastError)
}

// TestABlockByRadarIsSeenInTheChargesOutcome in every response that contains the whole charge.
func TestABlockByRadarIsSeenInTheChargesOutcome(t *testing.T) {
	t.Parallel()
	for outcome, blocked := range map[string]bool{"blocked": true, "issuer_declined": false, "": false} {
		intent := `{"id":"pi_1","object":"payment_intent","status":"requires_payment_method","last_payment_error":{"code":"card_declined"},
			"latest_charge":{"id":"ch_1","outcome":{"type":"` + outcome + `"}}}`
		g, _ := answering(t, answer{status: http.StatusPaymentRequired,
			body: `{"error":{"type":"card_error","code":"card_declined","payment_intent":` + intent + `}}`}, ok(intent))
		_, err := g.ConfirmPaymentIntent(t.Context(), "key-1", billing.PaymentParams{PaymentIntent: "pi_1", PaymentMethod: "pm_1"})
		require.Equal(t, blocked, gatewayError(t, err).Failure.Blocked, outcome)
		pi, err := g.PaymentIntent(t.Context(), "pi_1")
		require.NoError(t, err)
		require.Equal(t, blocked, pi.LastError.Blocked, outcome)
	}
}
