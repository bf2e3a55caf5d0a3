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

// rows answers as a database does that holds what a test put in, and notes what it was asked.
type rows struct {
	found   map[billing.BacklogKind]billing.Backlog
	windows map[billing.BacklogKind][2]time.Time
	beat    time.Time
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

// ChoreDone implements billing.BacklogStore.
func (r *rows) ChoreDone(context.Context, string) (time.Time, error) {
	if r.beat.IsZero() {
		return r.beat, billing.ErrNotFound
	}
	return r.beat, nil
}

func names(alarms []alarm.Alarm) []string {
	list := []string{}
	for _, a := range alarms {
		list = append(list, a.Name)
	}
	return list
}

func TestEveryKindOfBacklogRaisesAnAlarmWithWhatToDo(t *testing.T) {
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

// TestThresholdsAreRealTime: on a clock of a day in a second, five leases of a minute are 300 days.
func TestThresholdsAreRealTime(t *testing.T) {
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

func TestASchedulerThatDoesNotBeatIsMissed(t *testing.T) {
	t.Parallel()
	for age, want := range map[time.Duration][]string{time.Minute: {}, 4 * time.Minute: {}, 6 * time.Minute: {"scheduler_silent"}} {
		c := alarm.Config{Store: &rows{beat: start.Add(-age)}, Clock: clock.New(start, 1, func() time.Time { return start }), Lease: time.Minute}
		raised, err := alarm.New(c).Check(t.Context())
		require.NoError(t, err)
		require.Equal(t, want, names(raised), age)
	}
}

func TestCriticalAlarmsComeFirst(t *testing.T) {
	t.Parallel()
	one := billing.Backlog{Count: 1}
	store := &rows{beat: time.Unix(1, 0), found: map[billing.BacklogKind]billing.Backlog{billing.BacklogEventsFailed: one, billing.BacklogUnknown: one}}
	given := func(_ context.Context, since time.Time) (billing.Backlog, error) {
		require.WithinDuration(t, time.Now().Add(-time.Hour), since, time.Minute)
		return billing.Backlog{Count: 3, Reason: "panic"}, nil
	}
	raised, err := alarm.New(alarm.Config{Store: store, Lease: time.Minute, Archived: given}).Check(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{"charges_unknown", "scheduler_silent", "events_failed", "tasks_archived"}, names(raised))
}

func TestWhatIsDownIsAnErrorAndNoAlarm(t *testing.T) {
	t.Parallel()
	_, err := alarm.New(alarm.Config{Store: &rows{down: billing.ErrUnavailable}}).Check(t.Context())
	require.ErrorIs(t, err, billing.ErrUnavailable)
	_, err = alarm.New(alarm.Config{Store: &rows{}, Archived: func(context.Context, time.Time) (billing.Backlog, error) {
		return billing.Backlog{}, billing.ErrUnavailable
	}}).Check(t.Context())
	require.ErrorIs(t, err, billing.ErrUnavailable)
}

// asked counts how often it was asked.
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

func TestACachedCheckerLooksOnceInAWhile(t *testing.T) {
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
	require.Equal(t, 6, inner.times, "what a caller gave up on is no answer for the next")
}

func TestTheBellRepeatsItselfSeldom(t *testing.T) {
	t.Parallel()
	now, inner, ticking := start, &asked{}, true
	var said bytes.Buffer
	bell := alarm.Bell{
		Checker: inner, Clock: clock.New(start, 1, func() time.Time { return now }), Ticking: func() bool { return ticking }, Log: zerolog.New(&said),
	}
	// ring rings after a while and returns what was logged, by alarm.
	ring := func(after time.Duration) map[string]string {
		now = now.Add(after)
		said.Reset()
		beat, err := bell.Ring(t.Context(), start)
		require.NoError(t, err)
		require.Equal(t, now, beat)
		lines := map[string]string{}
		for line := range strings.Lines(said.String()) {
			var entry struct{ Alarm, Level string }
			require.NoError(t, json.Unmarshal([]byte(line), &entry))
			lines[entry.Alarm] = entry.Level
		}
		return lines
	}
	require.Empty(t, ring(0))
	inner.alarms = []alarm.Alarm{{Name: "a", Count: 1}, {Name: "b", Count: 1, Oldest: start, Reason: "why"}}
	require.Equal(t, map[string]string{"a": "error", "b": "error"}, ring(time.Minute))
	require.Empty(t, ring(time.Minute))
	inner.alarms[1].Count = 2
	require.Equal(t, map[string]string{"b": "error"}, ring(time.Minute), "it has changed")
	require.Equal(t, map[string]string{"a": "error"}, ring(8*time.Minute), "it was not said for ten minutes")
	inner.alarms = inner.alarms[:1]
	require.Equal(t, map[string]string{"b": "info"}, ring(time.Second), "it is over")

	ticking = false
	last, err := bell.Ring(t.Context(), start)
	require.Error(t, err)
	require.Equal(t, start, last, "a scheduler that stands still does not beat")
	ticking, inner.err = true, billing.ErrUnavailable
	last, err = bell.Ring(t.Context(), start)
	require.ErrorIs(t, err, billing.ErrUnavailable)
	require.Equal(t, start, last)
}
