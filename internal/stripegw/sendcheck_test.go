package stripegw_test

import (
	"errors"
	"io"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
)

func TestBeforeSending_StopsTheRequest(t *testing.T) {
	t.Parallel()
	var whole atomic.Int64
	g := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.ReadAll(r.Body); err == nil {
			whole.Add(1)
		}
		_, _ = io.WriteString(w, `{"id": "pi_1", "object": "payment_intent", "status": "succeeded"}`)
	}))
	params := billing.PaymentParams{PaymentIntent: "pi_1", PaymentMethod: "pm_1", OffSession: true}
	ctx := billing.BeforeSending(t.Context(), func() error { return errors.New("too late") })
	_, err := g.ConfirmPaymentIntent(ctx, "key_1", params)
	e := gatewayError(t, err)
	require.Equal(t, billing.GatewayUnknown, e.Kind)
	require.Contains(t, e.Failure.Message, "not sent")
	require.Zero(t, whole.Load(), "the server has no whole request")
	_, err = g.ConfirmPaymentIntent(billing.BeforeSending(t.Context(), func() error { return nil }), "key_1", params)
	require.NoError(t, err)
	require.Equal(t, int64(1), whole.Load())
}
