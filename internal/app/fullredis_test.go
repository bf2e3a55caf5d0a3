package app_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/testenv"
)

// TestFullRedis_IsSeen requires that a process whose queue accepts no tasks is not ready, and that
// the metrics from the database stay visible.
func TestFullRedis_IsSeen(t *testing.T) {
	t.Parallel()
	_, url := stripe(t)
	redis := testenv.RedisServer(t, "--maxmemory", "8mb", "--maxmemory-policy", "noeviction")
	a := started(t, settings(t, url, map[string]string{
		"DATABASE_URL": testenv.Postgres(t), "REDIS_URL": redis, "TRANCHE_ROLES": "ingress",
	}))
	defer a.Stop()
	_, err := a.Store().InsertEvents(t.Context(), []billing.Event{{
		ID: "evt_failed", Type: "charge.refunded", Payload: []byte(`{}`), Status: billing.EventFailed, ReceivedAt: time.Now(),
	}})
	require.NoError(t, err)
	testenv.FillRedis(t, redis)

	require.Eventually(t, func() bool {
		status, _ := get(t, "http://"+a.AdminAddr()+"/readyz")
		return status == http.StatusServiceUnavailable
	}, 10*time.Second, 50*time.Millisecond)
	_, body := get(t, "http://"+a.AdminAddr()+"/readyz")
	require.Contains(t, body, `"queue":"down"`)
	require.Contains(t, body, `{"name":"queue_unavailable","severity":"critical","count":1}`)
	require.Contains(t, body, `{"name":"events_failed","severity":"warning","count":1}`)

	_, page := get(t, "http://"+a.AdminAddr()+"/metrics")
	for _, line := range []string{
		`tranche_up{source="database"} 1`, `tranche_up{source="queue"} 0`, `tranche_alarms{alarm="events_failed",severity="warning"} 1`,
		`tranche_alarms{alarm="queue_unavailable",severity="critical"} 1`, `tranche_queue_tasks{queue="events",state="pending"}`, "go_goroutines",
	} {
		require.Contains(t, page, line)
	}
}
