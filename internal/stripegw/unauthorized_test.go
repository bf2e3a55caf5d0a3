package stripegw_test

import (
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
)

// TestUnauthorized_UntilACallSucceeds: a 401 is reported until a call succeeds. Other failures
// prove nothing about the key.
func TestUnauthorized_UntilACallSucceeds(t *testing.T) {
	t.Parallel()
	var status atomic.Int32
	g := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(int(status.Load()))
		if status.Load() == http.StatusOK {
			_, _ = fmt.Fprint(w, `{"id":"pi_1","object":"payment_intent","status":"succeeded"}`)
			return
		}
		_, _ = fmt.Fprint(w, `{"error":{"type":"invalid_request_error","message":"Invalid API Key provided: sk_test_***1234"}}`)
	}))
	call := func(answer int) {
		status.Store(int32(answer))
		_, err := g.PaymentIntent(t.Context(), "pi_1")
		require.Equal(t, answer == http.StatusOK, err == nil)
	}
	for _, other := range []int{http.StatusOK, http.StatusForbidden, http.StatusNotFound, http.StatusInternalServerError} {
		call(other)
		require.Empty(t, g.Unauthorized(), other)
	}
	call(http.StatusUnauthorized)
	require.Contains(t, g.Unauthorized(), "Invalid API Key provided")
	_, err := g.PaymentIntent(billing.OnAccount(t.Context(), "acct_1"), "pi_1")
	require.Error(t, err)
	for _, other := range []int{http.StatusForbidden, http.StatusInternalServerError} {
		call(other)
		require.NotEmpty(t, g.Unauthorized(), other)
	}
	call(http.StatusOK)
	require.Empty(t, g.Unauthorized())
}
