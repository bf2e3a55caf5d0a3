package app_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/queue"
	"tranche/internal/task"
	"tranche/internal/testenv"
	"tranche/jobs"
)

// enqueue adds a task to the queue in Redis, as another process would.
func enqueue(t *testing.T, address string, task billing.Task) {
	t.Helper()
	options, err := queue.Options(address)
	require.NoError(t, err)
	q, err := queue.New(options, jobs.Routes(), time.Until)
	require.NoError(t, err)
	defer func() { require.NoError(t, q.Close()) }()
	require.NoError(t, q.Enqueue(t.Context(), task))
}

// TestClockWrong starts a process that is 40 days ahead of Stripe. It takes no part, raises the
// alarm, and resumes by itself.
func TestClockWrong(t *testing.T) {
	t.Parallel()
	for name, database := range map[string]map[string]string{
		"SQLite": nil, "PostgreSQL": {"DATABASE_URL": testenv.Postgres(t), "REDIS_URL": testenv.Redis(t)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sim, _ := stripe(t)
			var right atomic.Bool
			front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if !right.Load() {
					w.Header().Set("Date", time.Now().AddDate(0, 0, -40).UTC().Format(http.TimeFormat))
				}
				sim.ServeHTTP(w, r)
			}))
			t.Cleanup(front.Close)
			a := started(t, settings(t, front.URL, database))
			defer a.Stop()

			status, body := get(t, "http://"+a.AdminAddr()+"/readyz")
			require.Equal(t, http.StatusServiceUnavailable, status)
			require.Contains(t, body, `"clock":"down"`)
			require.Contains(t, body, `"clock_wrong"`)
			resp, err := http.Post("http://"+a.Addr()+"/webhooks/stripe", "application/json", strings.NewReader("{}"))
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
			require.Equal(t, http.StatusServiceUnavailable, resp.StatusCode, "Stripe sends it again")

			bindings, ok := a.Store().(billing.BindingStore)
			require.True(t, ok)
			_, err = bindings.Binding(t.Context())
			require.ErrorIs(t, err, billing.ErrNotFound, "a wrong clock binds nothing")

			now := a.Clock().Now()
			_, err = a.Store().InsertEvents(t.Context(), []billing.Event{{
				ID: "evt_1", Type: "charge.succeeded", ObjectID: "ch_1", Status: billing.EventPending, ReceivedAt: now, ClaimAfter: now,
			}})
			require.NoError(t, err)
			if address := database["REDIS_URL"]; address != "" {
				enqueue(t, address, task.ForEvent(billing.EventClaim{EventID: "evt_1"}))
			}
			require.Never(t, func() bool {
				e, err := a.Store().Event(t.Context(), "evt_1")
				_, unbound := bindings.Binding(t.Context())
				return err != nil || e.Lease > 0 || e.Status != billing.EventPending || !errors.Is(unbound, billing.ErrNotFound)
			}, time.Second, 50*time.Millisecond, "neither scheduler nor worker takes it")
			right.Store(true)
			require.Eventually(t, func() bool {
				e, err := a.Store().Event(t.Context(), "evt_1")
				return err == nil && e.Status != billing.EventPending
			}, 40*time.Second, 50*time.Millisecond)
			e, err := a.Store().Event(t.Context(), "evt_1")
			require.NoError(t, err)
			require.LessOrEqual(t, e.Lease, int64(1), "it was claimed once at most, by the process whose clock is right")
			require.Eventually(t, func() bool {
				status, _ := get(t, "http://"+a.AdminAddr()+"/readyz")
				return status == http.StatusOK
			}, 20*time.Second, 50*time.Millisecond)
		})
	}
}
