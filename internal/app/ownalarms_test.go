package app_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"tranche/config"
	"tranche/internal/alarm"
	"tranche/internal/app"
	"tranche/internal/clock"
)

// movedClock is the machine's clock, moved ahead by a test. The wall clock and the monotonic clock
// move together, so that the clock does not count as set.
type movedClock struct{ ahead atomic.Int64 }

func (m *movedClock) by() time.Duration { return time.Duration(m.ahead.Load()) }

func (m *movedClock) move(d time.Duration) { m.ahead.Add(int64(d)) }

func (m *movedClock) clock() clock.Clock {
	began := time.Now()
	return clock.New(time.Time{}, 0, func() time.Time { return time.Now().Add(m.by()) }).
		WithMonotonic(func() time.Duration { return time.Since(began) + m.by() })
}

// watched is a process with a moved clock and a simulator that lets a test revoke the key.
type watched struct {
	t       *testing.T
	clock   *movedClock
	app     *app.App
	revoked atomic.Bool
}

func startWatched(t *testing.T, change map[string]string) *watched {
	t.Helper()
	w := &watched{t: t, clock: &movedClock{}}
	sim, _ := stripe(t)
	front := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Date", time.Now().Add(w.clock.by()).UTC().Format(http.TimeFormat))
		if w.revoked.Load() {
			rw.WriteHeader(http.StatusUnauthorized)
			_, _ = io.WriteString(rw, `{"error":{"type":"invalid_request_error","message":"Invalid API Key provided: sk_test_***_app"}}`)
			return
		}
		sim.ServeHTTP(rw, r)
	}))
	t.Cleanup(front.Close)
	w.start(settings(t, front.URL, change))
	return w
}

// start runs a process; the one before, if any, must have been stopped.
func (w *watched) start(cfg config.Config) {
	w.t.Helper()
	var err error
	w.app, err = app.NewAt(w.t.Context(), cfg, w.clock.clock(), zerolog.Nop())
	require.NoError(w.t, err)
	require.NoError(w.t, w.app.Start(w.t.Context()))
	w.t.Cleanup(w.app.Stop)
}

// requireAlarm has the process check its alarms again, and requires that /readyz and /metrics show
// the alarm, or do not.
func (w *watched) requireAlarm(name string, severity alarm.Severity, raised bool) {
	w.t.Helper()
	w.clock.move(alarm.MinAge)
	_, ready := get(w.t, "http://"+w.app.AdminAddr()+"/readyz")
	require.NotContains(w.t, ready, "clock_wrong")
	require.Equal(w.t, raised, strings.Contains(ready, `"name":"`+name+`"`), ready)
	_, page := get(w.t, "http://"+w.app.AdminAddr()+"/metrics")
	value := map[bool]string{true: "1", false: "0"}[raised]
	require.Contains(w.t, page, `tranche_alarms{alarm="`+name+`",severity="`+string(severity)+`"} `+value+"\n")
}

// request sends a request of the merchant's server and returns the answer.
func (w *watched) request(method, path, body string, header http.Header) (status int, answer string) {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), method, "http://"+w.app.Addr()+path, strings.NewReader(body))
	require.NoError(w.t, err)
	req.Header = header.Clone()
	req.Header.Set("Authorization", "Bearer "+apiKey)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(w.t, err)
	defer func() { _ = resp.Body.Close() }()
	read, err := io.ReadAll(resp.Body)
	require.NoError(w.t, err)
	return resp.StatusCode, string(read)
}

// TestStripeUnauthorized_AlarmUntilTheKeyWorks revokes the key of a running process and then
// restores it.
func TestStripeUnauthorized_AlarmUntilTheKeyWorks(t *testing.T) {
	t.Parallel()
	w := startWatched(t, nil)
	create := func(reference string) (int, string) {
		return w.request(http.MethodPost, "/v1/plans", `{"reference": "`+reference+`", "kind": "installments", "currency": "usd", "total": 3000, "parts": 3,
			"every": "1 month", "customer": {"reference": "ada"}}`, http.Header{})
	}
	w.requireAlarm("stripe_unauthorized", alarm.Critical, false)
	w.revoked.Store(true)
	status, answer := create("order-1")
	require.Equal(t, http.StatusBadGateway, status)
	require.Contains(t, answer, `"code":"stripe_unauthorized"`)
	w.requireAlarm("stripe_unauthorized", alarm.Critical, true)
	w.revoked.Store(false)
	status, answer = create("order-1")
	require.Equal(t, http.StatusOK, status, answer) // the plan was stored by the first request
	w.requireAlarm("stripe_unauthorized", alarm.Critical, false)
}

// TestProxyUntrusted_AlarmUntilAnHourPassed has a proxy that no setting names forward requests.
func TestProxyUntrusted_AlarmUntilAnHourPassed(t *testing.T) {
	t.Parallel()
	w := startWatched(t, nil)
	for _, forwarded := range []http.Header{{"X-Forwarded-For": {"203.0.113.7"}}, {"Forwarded": {"for=203.0.113.7"}}} {
		_, _ = w.request(http.MethodGet, "/v1/plans", "", http.Header{})
		w.requireAlarm("proxy_untrusted", alarm.Warning, false)
		_, _ = w.request(http.MethodGet, "/v1/plans", "", forwarded)
		w.requireAlarm("proxy_untrusted", alarm.Warning, true)
		w.clock.move(59 * time.Minute)
		w.requireAlarm("proxy_untrusted", alarm.Warning, true)
		w.clock.move(time.Minute)
		w.requireAlarm("proxy_untrusted", alarm.Warning, false)
	}
}

// TestProxyUntrusted_NoAlarmForANamedProxy lists the proxy in the setting, as the alarm advises.
func TestProxyUntrusted_NoAlarmForANamedProxy(t *testing.T) {
	t.Parallel()
	w := startWatched(t, map[string]string{"TRANCHE_TRUSTED_PROXIES": "127.0.0.1"})
	status, _ := w.request(http.MethodGet, "/v1/plans", "", http.Header{"X-Forwarded-For": {"203.0.113.7"}})
	require.Equal(t, http.StatusOK, status)
	w.requireAlarm("proxy_untrusted", alarm.Warning, false)
}
