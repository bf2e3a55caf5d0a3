package stripegw_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
)

func paidIntent(charge string) answer {
	return ok(`{"id":"pi_1","object":"payment_intent","status":"succeeded","amount":500,"currency":"usd","client_secret":"pi_1_secret_x","latest_charge":` + charge + `}`)
}

func TestWhatBecameOfAPayment(t *testing.T) {
	t.Parallel()
	dispute := func(status string) answer {
		return ok(`{"object":"list","has_more":false,"data":[{"id":"dp_2","object":"dispute","status":"` + status + `"}]}`)
	}
	for name, tc := range map[string]struct {
		answers []answer
		want    billing.ChargeStatus
		dispute billing.DisputeStatus
	}{
		"kept":              {[]answer{paidIntent(`{"id":"ch_1","amount_refunded":0}`)}, billing.ChargeSucceeded, ""},
		"refunded in part":  {[]answer{paidIntent(`{"id":"ch_1","amount_refunded":499}`)}, billing.ChargeSucceeded, ""},
		"refunded":          {[]answer{paidIntent(`{"id":"ch_1","amount_refunded":500}`)}, billing.ChargeRefunded, ""},
		"disputed":          {[]answer{paidIntent(`{"id":"ch_1","disputed":true}`), dispute("needs_response")}, billing.ChargeDisputed, "needs_response"},
		"dispute lost":      {[]answer{paidIntent(`{"id":"ch_1","disputed":true}`), dispute("lost")}, billing.ChargeDisputed, "lost"},
		"dispute won":       {[]answer{paidIntent(`{"id":"ch_1","disputed":true}`), dispute("won")}, billing.ChargeSucceeded, "won"},
		"won, refunded":     {[]answer{paidIntent(`{"id":"ch_1","disputed":true,"amount_refunded":500}`), dispute("won")}, billing.ChargeRefunded, "won"},
		"inquiry closed":    {[]answer{paidIntent(`{"id":"ch_1","disputed":true}`), dispute("warning_closed")}, billing.ChargeSucceeded, "warning_closed"},
		"a status to come":  {[]answer{paidIntent(`{"id":"ch_1","disputed":true}`), dispute("prevented_somehow")}, billing.ChargeDisputed, "prevented_somehow"},
		"disputed, no list": {[]answer{paidIntent(`{"id":"ch_1","disputed":true}`), ok(`{"object":"list","data":[]}`)}, billing.ChargeDisputed, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g, stripe := answering(t, tc.answers...)
			p, err := g.Payment(t.Context(), "pi_1")
			require.NoError(t, err)
			require.Equal(t, tc.want, p.StatusAfterReversals())
			require.Equal(t, tc.dispute, p.Dispute)
			require.Empty(t, p.ClientSecret)
			require.Len(t, stripe.requests, len(tc.answers))
			require.Equal(t, "latest_charge", stripe.requests[0].query.Get("expand[0]"))
			if len(tc.answers) > 1 {
				require.Equal(t, "limit=1&payment_intent=pi_1", stripe.requests[1].query.Encode())
			}
		})
	}
}

func TestADisputeThatCanNotBeReadIsNoAnswer(t *testing.T) {
	t.Parallel()
	for _, second := range []answer{{status: 500, body: errorBody("api_error", "")}, ok("<html>"), ok("{}")} {
		g, _ := answering(t, paidIntent(`{"id":"ch_1","disputed":true}`), second)
		_, err := g.Payment(t.Context(), "pi_1")
		require.ErrorIs(t, err, billing.ErrUnavailable)
	}
	g, _ := answering(t)
	_, err := g.Payment(t.Context(), "")
	require.Equal(t, billing.GatewayRejected, gatewayError(t, err).Kind)
}
