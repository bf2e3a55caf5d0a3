package handlers_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/handlers"
	"tranche/internal/alarm"
	"tranche/internal/billing"
)

// raised is a checker with a fixed answer.
type raised struct {
	alarms []alarm.Alarm
	err    error
}

// Check implements alarm.Checker.
func (r raised) Check(context.Context) ([]alarm.Alarm, error) { return r.alarms, r.err }

// health asks the public address of a process without the ingress role.
func health(t *testing.T, c handlers.Config, path string) *httptest.ResponseRecorder {
	t.Helper()
	c.HealthOnly = true
	h := handlers.New(c)
	t.Cleanup(h.Close)
	return ask(t, h, path)
}

// admin asks the admin address.
func admin(t *testing.T, c handlers.Config, path string) *httptest.ResponseRecorder {
	t.Helper()
	h := handlers.New(c)
	t.Cleanup(h.Close)
	return ask(t, h.Admin(), path)
}

func ask(t *testing.T, h http.Handler, path string) *httptest.ResponseRecorder {
	t.Helper()
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, http.NoBody))
	return rec
}

// TestReadinessTellsOfAlarms: alarms are listed by name and number only, and do not make the
// process unready, because every process has the same alarms.
func TestReadinessTellsOfAlarms(t *testing.T) {
	t.Parallel()
	c := handlers.Config{Alarms: raised{alarms: []alarm.Alarm{{
		Name: "charges_overdue", Severity: alarm.Critical, Count: 3, Oldest: time.Unix(1, 0), Reason: "of ada@example.com", IDs: []string{"chg_1"}, What: "w", Do: "d",
	}}}}
	rec := admin(t, c, "/readyz")
	require.Equal(t, http.StatusOK, rec.Code)
	require.JSONEq(t, `{"status": "ok", "checks": {}, "alarms": [{"name": "charges_overdue", "severity": "critical", "count": 3}]}`, rec.Body.String())

	c.Alarms = raised{}
	require.JSONEq(t, `{"status": "ok", "checks": {}, "alarms": []}`, admin(t, c, "/readyz").Body.String())
	c.Alarms = raised{err: billing.ErrUnavailable}
	require.JSONEq(t, `{"status": "ok", "checks": {}, "alarms": [{"name": "alarms_unchecked", "severity": "critical", "count": 1}]}`,
		admin(t, c, "/readyz").Body.String())
}

// TestPublicReadiness_OneWord: strangers see neither the services that this process needs, nor its
// alarms, nor its metrics.
func TestPublicReadiness_OneWord(t *testing.T) {
	t.Parallel()
	for word, failure := range map[string]error{"ok": nil, "down": errors.New("dial tcp 10.1.2.3:5432: refused")} {
		c := handlers.Config{
			APIKeys: []string{apiKey}, Alarms: raised{alarms: []alarm.Alarm{{Name: "charges_overdue", Severity: alarm.Critical, Count: 3}}},
			Checks:  map[string]func(context.Context) error{"database": func(context.Context) error { return failure }},
			Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("the page")) }),
		}
		for _, only := range []bool{true, false} {
			c.HealthOnly = only
			h := handlers.New(c)
			rec := ask(t, h, "/readyz")
			require.Equal(t, failure == nil, rec.Code == http.StatusOK)
			require.JSONEq(t, `{"status": "`+word+`"}`, rec.Body.String())
			require.Equal(t, http.StatusNotFound, ask(t, h, "/metrics").Code)
			h.Close()
		}
		rec := admin(t, c, "/readyz")
		require.Equal(t, failure == nil, rec.Code == http.StatusOK)
		require.JSONEq(t, `{"status": "`+word+`", "checks": {"database": "`+word+`"}, "alarms": [{"name": "charges_overdue", "severity": "critical", "count": 3}]}`,
			rec.Body.String())
	}
}

func TestAdmin_ServesMetricsAndCountsItsAnswers(t *testing.T) {
	t.Parallel()
	answered := map[string]int{}
	c := handlers.Config{
		Metrics:  http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("the page")) }),
		Answered: func(route string, status int) { answered[route] = status },
	}
	require.Equal(t, "the page", admin(t, c, "/metrics").Body.String())
	admin(t, c, "/healthz")
	admin(t, c, "/v1/plans/plan_1")
	require.Equal(t, map[string]int{"GET /metrics": 200, "GET /healthz": 200, "": 404}, answered)
	require.Equal(t, http.StatusNotFound, admin(t, handlers.Config{}, "/metrics").Code)
}

func TestRoutesAreCountedByPattern(t *testing.T) {
	t.Parallel()
	routes := map[string]bool{}
	h := handlers.New(handlers.Config{APIKeys: []string{apiKey}, Answered: func(route string, _ int) { routes[route] = true },
		Verify: func([]byte, string, time.Time) error { return context.Canceled }})
	t.Cleanup(h.Close)
	for _, target := range []string{"/v1/plans", "/webhooks/stripe"} {
		req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, target, http.NoBody)
		req.Header.Set("Authorization", "Bearer "+apiKey)
		h.ServeHTTP(httptest.NewRecorder(), req)
	}
	require.Equal(t, map[string]bool{"POST /v1/plans": true, "POST /webhooks/stripe": true}, routes)
}

// TestWhatDoesNotBelongInAPathIsNotRepeated: the answer hides secrets in a path, because callers
// log answers.
func TestWhatDoesNotBelongInAPathIsNotRepeated(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/nowhere/pi_1_secret_abc", "/sk_test_abcdef"} {
		body := health(t, handlers.Config{}, path).Body.String()
		require.Contains(t, body, "[hidden]")
		require.NotContains(t, body, "abc")
	}
}
