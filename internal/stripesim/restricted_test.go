package stripesim_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tranche/internal/stripekey"
	"tranche/internal/stripesim"
)

func TestRestrictedKey(t *testing.T) {
	t.Parallel()
	const key = "rk_test_restricted_1234"
	sim := stripesim.New(stripesim.Options{
		SecretKeys: []string{"sk_test_whole"}, RestrictedKeys: map[string][]string{key: stripekey.Scopes()},
		Account: stripesim.Account{ID: "acct_mine"},
	})
	server := httptest.NewServer(sim)
	t.Cleanup(func() { sim.Close(); server.Close() })
	for _, tc := range []struct {
		method, path, body string
		status             int
	}{
		{http.MethodPost, "/v1/payment_intents", "amount=1000&currency=usd", 200},
		{http.MethodGet, "/v1/charges", "", 200},
		{http.MethodGet, "/v1/disputes", "", 200},
		{http.MethodGet, "/v1/account", "", 403},
		{http.MethodGet, "/v1/balance", "", 403},
		{http.MethodPost, "/v1/webhook_endpoints", "url=https://example.com", 403},
	} {
		req, err := http.NewRequestWithContext(t.Context(), tc.method, server.URL+tc.path, strings.NewReader(tc.body))
		require.NoError(t, err)
		req.Header.Set("Authorization", "Bearer "+key)
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		resp, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, tc.status, resp.StatusCode, "%s %s", tc.method, tc.path)
		if tc.status == http.StatusForbidden {
			require.Contains(t, string(body), "does not have the required permissions for this endpoint on account 'acct_mine'")
			require.NotContains(t, string(body), key)
		}
	}
}
