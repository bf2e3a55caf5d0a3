package app_test

import (
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
)

// TestStart_StripeAway starts while Stripe does not answer. Nothing is handled until it does.
func TestStart_StripeAway(t *testing.T) {
	t.Parallel()
	sim, _ := stripe(t)
	var up atomic.Bool
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !up.Load() {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		sim.ServeHTTP(w, r)
	}))
	t.Cleanup(front.Close)
	a := started(t, settings(t, front.URL, nil))
	defer a.Stop()
	now := a.Clock().Now()
	_, err := a.Store().InsertEvents(t.Context(), []billing.Event{{
		ID: "evt_1", Type: "charge.succeeded", ObjectID: "ch_1", Status: billing.EventPending, ReceivedAt: now, ClaimAfter: now,
	}})
	require.NoError(t, err)
	event := func() billing.Event {
		e, err := a.Store().Event(t.Context(), "evt_1")
		require.NoError(t, err)
		return e
	}
	require.Eventually(t, func() bool { return event().Lease >= 2 || event().Status != billing.EventPending }, 40*time.Second, 50*time.Millisecond)
	require.Equal(t, billing.EventPending, event().Status, "it was claimed again, so a worker left it")
	up.Store(true)
	require.Eventually(t, func() bool { return event().Status != billing.EventPending }, 40*time.Second, 50*time.Millisecond)
}
