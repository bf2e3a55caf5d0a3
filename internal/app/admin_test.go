package app_test

import (
	"bytes"
	"net/http"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"tranche/internal/app"
	"tranche/internal/billing"
	"tranche/internal/testenv"
)

// TestAdmin_DetailsStayPrivate has an alarm raised in a process of each kind. The public address
// shows neither the alarm nor the checks, and no metrics; the admin address has both.
func TestAdmin_DetailsStayPrivate(t *testing.T) {
	t.Parallel()
	_, url := stripe(t)
	services := func() map[string]string {
		return map[string]string{"DATABASE_URL": testenv.Postgres(t), "REDIS_URL": testenv.Redis(t), "TRANCHE_ROLES": "scheduler"}
	}
	for name, change := range map[string]map[string]string{"all roles": nil, "without ingress": services()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := started(t, settings(t, url, change))
			defer a.Stop()
			_, err := a.Store().InsertEvents(t.Context(), []billing.Event{{
				ID: "evt_failed", Type: "charge.refunded", Payload: []byte(`{}`), Status: billing.EventFailed, ReceivedAt: time.Now(),
			}})
			require.NoError(t, err)

			status, page := get(t, "http://"+a.AdminAddr()+"/metrics")
			require.Equal(t, http.StatusOK, status)
			require.Contains(t, page, `tranche_alarms{alarm="events_failed",severity="warning"} 1`)
			_, ready := get(t, "http://"+a.AdminAddr()+"/readyz")
			require.Contains(t, ready, `"database":"ok"`)
			require.Contains(t, ready, `{"name":"events_failed","severity":"warning","count":1}`)
			status, _ = get(t, "http://"+a.AdminAddr()+"/healthz")
			require.Equal(t, http.StatusOK, status)
			status, _ = get(t, "http://"+a.AdminAddr()+"/v1/plans")
			require.Equal(t, http.StatusNotFound, status)

			status, _ = get(t, "http://"+a.Addr()+"/metrics")
			require.Equal(t, http.StatusNotFound, status)
			require.Eventually(t, func() bool {
				status, ready = get(t, "http://"+a.Addr()+"/readyz")
				return status == http.StatusOK
			}, 10*time.Second, 50*time.Millisecond)
			require.JSONEq(t, `{"status": "ok"}`, ready)
		})
	}
}

func TestAdmin_Off(t *testing.T) {
	t.Parallel()
	_, url := stripe(t)
	a := started(t, settings(t, url, map[string]string{"TRANCHE_ADMIN_ADDR": "off"}))
	defer a.Stop()
	require.Empty(t, a.AdminAddr())
	status, body := get(t, "http://"+a.Addr()+"/healthz")
	require.Equal(t, http.StatusOK, status)
	require.JSONEq(t, `{"status": "ok"}`, body)
	status, _ = get(t, "http://"+a.Addr()+"/metrics")
	require.Equal(t, http.StatusNotFound, status)
}

func TestAdmin_PortTaken(t *testing.T) {
	t.Parallel()
	_, url := stripe(t)
	first := started(t, settings(t, url, nil))
	defer first.Stop()
	_, err := app.New(t.Context(), settings(t, url, map[string]string{"TRANCHE_ADMIN_ADDR": first.AdminAddr()}), zerolog.Nop())
	require.ErrorContains(t, err, "listen on TRANCHE_ADMIN_ADDR "+first.AdminAddr())
	require.ErrorContains(t, err, "address already in use: set TRANCHE_ADMIN_ADDR to another address, or to off")
}

func TestAdmin_OpenAddressIsWarnedOf(t *testing.T) {
	t.Parallel()
	_, url := stripe(t)
	for address, warned := range map[string]bool{"0.0.0.0:0": true, "127.0.0.1:0": false, "off": false} {
		var log bytes.Buffer
		a, err := app.New(t.Context(), settings(t, url, map[string]string{"TRANCHE_ADMIN_ADDR": address}), zerolog.New(zerolog.SyncWriter(&log)))
		require.NoError(t, err, address)
		a.Stop()
		require.Equal(t, warned, bytes.Contains(log.Bytes(), []byte("TRANCHE_ADMIN_ADDR lets other machines read metrics")), "%s: %s", address, &log)
	}
}
