package metrics_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/alarm"
	"tranche/internal/billing"
	"tranche/internal/metrics"
)

// page is what Prometheus reads.
func page(t *testing.T, m *metrics.Metrics) string {
	t.Helper()
	answer := httptest.NewRecorder()
	m.Handler().ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", http.NoBody))
	require.Equal(t, 200, answer.Code)
	return answer.Body.String()
}

// raised is a checker with a fixed answer.
type raised struct {
	alarms []alarm.Alarm
	err    error
}

// Check implements alarm.Checker.
func (r raised) Check(context.Context) ([]alarm.Alarm, error) { return r.alarms, r.err }

func TestWhatIsCountedIsShown(t *testing.T) {
	t.Parallel()
	m := metrics.New()
	m.Attempt(billing.OutcomeSucceeded)
	m.Attempt(billing.OutcomeSucceeded)
	m.Call("confirm PaymentIntent", "", 700*time.Millisecond)
	m.Call("confirm PaymentIntent", billing.GatewayDeclined, 3*time.Second)
	m.Request("POST /webhooks/stripe", 200)
	m.Request("", 404)
	m.Delivery("delivered")
	m.WrongKey()
	m.Watch(metrics.Sources{
		Alarms: raised{alarms: []alarm.Alarm{{Name: "charges_overdue", Severity: alarm.Critical, Count: 3, IDs: []string{"chg_hidden"}, Reason: "hidden"}}},
		Depths: func(context.Context) ([]metrics.Depth, error) {
			return []metrics.Depth{{Queue: "charges", State: "pending", Tasks: 12}}, nil
		},
		LastTick: func() time.Time { return time.UnixMilli(1500) },
		Pending:  func(context.Context) (int, error) { return 7, nil },
	})
	text := page(t, m)
	for _, line := range []string{
		`tranche_attempts_total{outcome="succeeded"} 2`,
		`tranche_stripe_call_duration_seconds_bucket{kind="ok",operation="confirm PaymentIntent",le="1"} 1`,
		`tranche_stripe_call_duration_seconds_count{kind="declined",operation="confirm PaymentIntent"} 1`,
		`tranche_http_requests_total{route="POST /webhooks/stripe",status="200"} 1`,
		`tranche_http_requests_total{route="none",status="404"} 1`, `tranche_wrong_api_keys_total 1`,
		`tranche_alarms{alarm="charges_overdue",severity="critical"} 3`,
		`tranche_alarms{alarm="events_failed",severity="warning"} 0`,
		`tranche_queue_tasks{queue="charges",state="pending"} 12`,
		`tranche_up{source="database"} 1`, `tranche_up{source="queue"} 1`,
		`tranche_scheduler_last_tick_timestamp_seconds 1.5`, `go_goroutines`,
		`tranche_webhook_deliveries_total{outcome="delivered"} 1`, `tranche_webhook_deliveries_pending 7`,
	} {
		require.Contains(t, text, line)
	}
	require.NotContains(t, text, "hidden", "a page without a key contains no names")
}

func TestWhatIsDownIsSaidAndHidesNothingElse(t *testing.T) {
	t.Parallel()
	m := metrics.New()
	m.Watch(metrics.Sources{
		Alarms: raised{err: errors.New("down")},
		Depths: func(context.Context) ([]metrics.Depth, error) { return nil, errors.New("down") },

		Pending: func(context.Context) (int, error) { return 0, errors.New("down") },
	})
	m.Attempt(billing.OutcomeDeclined)
	text := page(t, m)
	require.Contains(t, text, `tranche_up{source="database"} 0`)
	require.Contains(t, text, `tranche_up{source="queue"} 0`)
	require.Contains(t, text, `tranche_attempts_total{outcome="declined"} 1`)
	require.NotContains(t, text, "tranche_alarms{")
	require.NotContains(t, text, "tranche_webhook_deliveries_pending 0")
	require.NotContains(t, text, "tranche_scheduler")
}
