package alarm_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"tranche/internal/alarm"
	"tranche/internal/billing"
	"tranche/internal/clock"
)

var start = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

// rows stands in for the database: it returns what a test sets, and records the queries.
type rows struct {
	found   map[billing.BacklogKind]billing.Backlog
	open    map[billing.IncidentKind]billing.Backlog
	windows map[billing.BacklogKind][2]time.Time
	last    time.Time // heartbeat
	down    error
}

// Backlog implements billing.BacklogStore.
func (r *rows) Backlog(_ context.Context, kind billing.BacklogKind, from, to time.Time) (billing.Backlog, error) {
	if r.windows == nil {
		r.windows = map[billing.BacklogKind][2]time.Time{}
	}
	r.windows[kind] = [2]time.Time{from, to}
	return r.found[kind], r.down
}

// IncidentBacklog implements billing.BacklogStore.
func (r *rows) IncidentBacklog(context.Context) (map[billing.IncidentKind]billing.Backlog, error) {
	return r.open, r.down
}

// PeriodicJobDone implements billing.BacklogStore.
func (r *rows) PeriodicJobDone(context.Context, string) (time.Time, error) {
	if r.last.IsZero() {
		return r.last, billing.ErrNotFound
	}
	return r.last, nil
}

func names(alarms []alarm.Alarm) []string {
	list := []string{}
	for _, a := range alarms {
		list = append(list, a.Name)
	}
	return list
}

func TestCheck_EveryBacklogKind(t *testing.T) {
	t.Parallel()
	known := map[string]bool{}
	for _, a := range alarm.Known() {
		require.NotEmpty(t, a.What, a.Name)
		require.NotEmpty(t, a.Do, a.Name)
		known[a.Name] = true
	}
	for _, kind := range billing.BacklogKinds() {
		store := &rows{found: map[billing.BacklogKind]billing.Backlog{kind: {Count: 7, Oldest: start, Reason: "because", IDs: []string{"a", "b"}}}}
		raised, err := alarm.New(alarm.Config{Store: store, Lease: time.Minute}).Check(t.Context())
		require.NoError(t, err)
		require.Len(t, raised, 1, kind)
		a := raised[0]
		require.True(t, known[a.Name], a.Name)
		require.Equal(t, 7, a.Count)
		require.Equal(t, start, a.Oldest)
		require.Equal(t, "because", a.Reason)
		require.Equal(t, []string{"a", "b"}, a.IDs)
	}
}

func TestAlarms_OpenIncidents(t *testing.T) {
	t.Parallel()
	old := start.AddDate(-1, 0, 0)
	store := &rows{open: map[billing.IncidentKind]billing.Backlog{
		"of a newer version":         {Count: 1, Oldest: old},
		billing.IncidentPaidTwice:    {Count: 2, Oldest: old, Reason: "because", IDs: []string{"inc_1", "inc_2"}},
		billing.IncidentRefundFailed: {Count: 1, Oldest: start},
	}}
	raised, err := alarm.New(alarm.Config{Store: store, Lease: time.Minute}).Check(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{"of a newer version", "paid_twice", "refund_failed"}, names(raised))
	for _, a := range raised {
		require.Equal(t, alarm.Critical, a.Severity)
		require.NotEmpty(t, a.What)
		require.NotEmpty(t, a.Do)
	}
	require.Equal(t, old, raised[1].Oldest, "an open incident is an alarm, however old it is")
	require.Equal(t, 2, raised[1].Count)
	require.Equal(t, "because", raised[1].Reason)
	require.Equal(t, []string{"inc_1", "inc_2"}, raised[1].IDs)

	known := names(alarm.Known())
	for _, kind := range billing.IncidentKinds() {
		require.Contains(t, known, string(kind))
	}
}

// TestCheck_ThresholdsInRealTime: at a day per second, five leases of a minute are 300 days.
func TestCheck_ThresholdsInRealTime(t *testing.T) {
	t.Parallel()
	for rate, want := range map[float64]time.Duration{1: 5 * time.Minute, 86400: 300 * 24 * time.Hour} {
		store := &rows{}
		clk := clock.New(start, rate, func() time.Time { return start })
		_, err := alarm.New(alarm.Config{Store: store, Clock: clk, Lease: time.Minute}).Check(t.Context())
		require.NoError(t, err)
		require.Equal(t, start.Add(-want), store.windows[billing.BacklogOverdue][1])
		require.Equal(t, start, store.windows[billing.BacklogEventsFailed][1])
		for kind, w := range store.windows {
			require.True(t, w[0].Before(w[1]), kind)
		}
	}
}

func TestCheck_HeartbeatMissing(t *testing.T) {
	t.Parallel()
	for age, want := range map[time.Duration][]string{
		time.Minute: {}, 4 * time.Minute: {}, 6 * time.Minute: {"scheduler_silent"},
		-4 * time.Minute: {}, -6 * time.Minute: {"scheduler_silent"}, // a clock that was ahead wrote it
	} {
		c := alarm.Config{Store: &rows{last: start.Add(-age)}, Clock: clock.New(start, 1, func() time.Time { return start }), Lease: time.Minute}
		raised, err := alarm.New(c).Check(t.Context())
		require.NoError(t, err)
		require.Equal(t, want, names(raised), age)
	}
}

func TestCheck_CriticalFirst(t *testing.T) {
	t.Parallel()
	one := billing.Backlog{Count: 1}
	store := &rows{last: time.Unix(1, 0), found: map[billing.BacklogKind]billing.Backlog{billing.BacklogEventsFailed: one, billing.BacklogUnknown: one}}
	given := func(_ context.Context, since time.Time) (billing.Backlog, error) {
		require.WithinDuration(t, time.Now().Add(-time.Hour), since, time.Minute)
		return billing.Backlog{Count: 3, Reason: "panic"}, nil
	}
	raised, err := alarm.New(alarm.Config{Store: store, Lease: time.Minute, Archived: given}).Check(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{"charges_unknown", "scheduler_silent", "events_failed", "tasks_archived"}, names(raised))
}

func TestCheck_DatabaseDown(t *testing.T) {
	t.Parallel()
	held := func(context.Context) *alarm.Alarm { a := alarm.ChargesHeld(); return &a }
	raised, err := alarm.New(alarm.Config{
		Store: &rows{down: billing.ErrUnavailable, found: map[billing.BacklogKind]billing.Backlog{billing.BacklogUnknown: {Count: 1}}},
		Own:   []func(context.Context) *alarm.Alarm{held},
	}).Check(t.Context())
	require.ErrorIs(t, err, billing.ErrUnavailable)
	require.Equal(t, []string{"charges_held"}, names(raised), "alarms that need no database")
}

// TestCheck_QueueDown: the database's alarms are reported without the queue.
func TestCheck_QueueDown(t *testing.T) {
	t.Parallel()
	store := &rows{found: map[billing.BacklogKind]billing.Backlog{billing.BacklogEventsFailed: {Count: 2}}}
	down := func(context.Context, time.Time) (billing.Backlog, error) {
		return billing.Backlog{}, billing.ErrUnavailable
	}
	full := func(context.Context) error { return errors.New("OOM command not allowed") }
	for name, c := range map[string]alarm.Config{"cannot be queried": {Archived: down}, "full": {Queue: full, Archived: down}} {
		c.Store, c.Lease = store, time.Minute
		raised, err := alarm.New(c).Check(t.Context())
		require.NoError(t, err, name)
		require.Equal(t, []string{"queue_unavailable", "events_failed"}, names(raised), name)
		require.NotEmpty(t, raised[0].Reason, name)
		require.Equal(t, 1, raised[0].Count, name)
	}
}

// asked is a checker that counts its calls.
type asked struct {
	times  int
	alarms []alarm.Alarm
	err    error
}

// Check implements alarm.Checker.
func (a *asked) Check(context.Context) ([]alarm.Alarm, error) {
	a.times++
	return a.alarms, a.err
}

func TestCached_OncePerMinAge(t *testing.T) {
	t.Parallel()
	now, inner := start, &asked{}
	c := alarm.Cached(inner, func() time.Time { return now })
	for _, step := range []struct {
		after time.Duration
		times int
	}{{0, 1}, {alarm.MinAge - 1, 1}, {1, 2}, {alarm.MinAge, 3}} {
		now = now.Add(step.after)
		_, err := c.Check(t.Context())
		require.NoError(t, err)
		require.Equal(t, step.times, inner.times)
	}
	inner.err, now = errors.New("down"), now.Add(alarm.MinAge)
	for range 2 {
		_, err := c.Check(t.Context())
		require.Error(t, err)
	}
	require.Equal(t, 4, inner.times)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	now = now.Add(alarm.MinAge)
	_, _ = c.Check(gone)
	_, _ = c.Check(t.Context())
	require.Equal(t, 6, inner.times, "a canceled check is not reused")
}

func TestAlarmLogger_LogsChangesAndRepeats(t *testing.T) {
	t.Parallel()
	now, inner, ticking := start, &asked{}, true
	var out bytes.Buffer
	logger := alarm.AlarmLogger{
		Checker: inner, Clock: clock.New(start, 1, func() time.Time { return now }), Ticking: func() bool { return ticking }, Log: zerolog.New(&out),
	}
	// logged runs the heartbeat after a while and returns the levels logged, by alarm.
	logged := func(after time.Duration) map[string]string {
		now = now.Add(after)
		out.Reset()
		at, err := logger.Heartbeat(t.Context(), start)
		require.NoError(t, err)
		require.Equal(t, now, at)
		lines := map[string]string{}
		for line := range strings.Lines(out.String()) {
			var entry struct{ Alarm, Level string }
			require.NoError(t, json.Unmarshal([]byte(line), &entry))
			lines[entry.Alarm] = entry.Level
		}
		return lines
	}
	require.Empty(t, logged(0))
	inner.alarms = []alarm.Alarm{{Name: "a", Count: 1}, {Name: "b", Count: 1, Oldest: start, Reason: "why"}}
	require.Equal(t, map[string]string{"a": "error", "b": "error"}, logged(time.Minute))
	require.Empty(t, logged(time.Minute))
	inner.alarms[1].Count = 2
	require.Equal(t, map[string]string{"b": "error"}, logged(time.Minute), "it has changed")
	require.Equal(t, map[string]string{"a": "error"}, logged(8*time.Minute), "not logged for ten minutes")
	inner.alarms = inner.alarms[:1]
	require.Equal(t, map[string]string{"b": "info"}, logged(time.Second), "it has ended")

	ticking = false
	last, err := logger.Heartbeat(t.Context(), start)
	require.Error(t, err)
	require.Equal(t, start, last, "a stopped scheduler records no heartbeat")
	ticking, inner.err = true, billing.ErrUnavailable
	last, err = logger.Heartbeat(t.Context(), start)
	require.ErrorIs(t, err, billing.ErrUnavailable)
	require.Equal(t, start, last)
}
