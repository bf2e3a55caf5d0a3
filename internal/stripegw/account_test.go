package stripegw_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
)

// TestAccount_OfARestrictedKey reads the account from the refusal, and from no other response.
func TestAccount_OfARestrictedKey(t *testing.T) {
	t.Parallel()
	refusal := func(text string) answer {
		return answer{status: http.StatusForbidden, body: `{"error": {"type": "invalid_request_error", "message": "` + text + `"}}`}
	}
	for text, want := range map[string]string{
		"The provided key 'rk_test_****1234' does not have the required permissions for this endpoint on account 'acct_1Abc'. Enabling 'plan_read' would allow this request to continue.": "acct_1Abc",
		"The provided key does not have access to account 'acct_1Other' (or that account does not exist).":                                                                                "",
		"This key may not do that.": "",
	} {
		id, err := serve(t, &fakeStripe{answers: []answer{refusal(text)}}).Account(t.Context())
		require.Equal(t, want, id, text)
		if want != "" {
			require.NoError(t, err)
			continue
		}
		e := gatewayError(t, err)
		require.Equal(t, billing.GatewayUnauthorized, e.Kind)
		require.Equal(t, http.StatusForbidden, e.HTTPStatus)
	}
	wrong := answer{status: http.StatusUnauthorized, body: `{"error": {"message": "on account 'acct_1Abc'"}}`}
	_, err := serve(t, &fakeStripe{answers: []answer{wrong}}).Account(t.Context())
	require.Error(t, err, "a wrong key has no account")
}
