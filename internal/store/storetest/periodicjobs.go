package storetest

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
)

func periodicJobTests() map[string]func(*testing.T, *fixture) {
	return map[string]func(*testing.T, *fixture){
		"a periodic job goes to one of many":          periodicJobGoesToOne,
		"a periodic job comes back":                   periodicJobComesBack,
		"a periodic job that was lost is not written": lostPeriodicJobIsNotWritten,
		"a periodic job asleep by a wrong clock":      periodicJobAsleep,
	}
}

// periodicJobs is the store as far as it keeps periodic jobs; every store does.
func periodicJobs(t *testing.T, f *fixture) billing.PeriodicJobStore {
	t.Helper()
	s, ok := f.Store.(billing.PeriodicJobStore)
	require.True(t, ok)
	return s
}

func periodicJobGoesToOne(t *testing.T, f *fixture) {
	s := periodicJobs(t, f)
	for round := range 5 {
		now := f.now.Add(time.Duration(round) * time.Hour)
		var got atomic.Int64
		var wg sync.WaitGroup
		for range 16 {
			wg.Go(func() {
				_, ok, err := s.ClaimPeriodicJob(t.Context(), "sweep", now, now.Add(time.Hour), f.now.Add(distant))
				if err != nil {
					t.Error(err)
				}
				if ok {
					got.Add(1)
				}
			})
		}
		wg.Wait()
		require.Equal(t, int64(1), got.Load(), "round %d", round)
	}
	_, ok, err := s.ClaimPeriodicJob(t.Context(), "another", f.now, f.now.Add(time.Hour), f.now.Add(distant))
	require.NoError(t, err)
	require.True(t, ok, "periodic jobs don't wait for one another")
}

func periodicJobComesBack(t *testing.T, f *fixture) {
	s, ctx := periodicJobs(t, f), t.Context()
	claim := func(at time.Duration) (billing.PeriodicJob, bool) {
		t.Helper()
		c, ok, err := s.ClaimPeriodicJob(ctx, "sweep", f.now.Add(at), f.now.Add(at+time.Minute), f.now.Add(distant))
		require.NoError(t, err)
		return c, ok
	}
	first, ok := claim(0)
	require.True(t, ok)
	require.Equal(t, billing.PeriodicJob{Name: "sweep", Lease: 1}, first)
	_, ok = claim(59 * time.Second)
	require.False(t, ok, "it is leased")
	second, ok := claim(time.Minute) // who had it crashed
	require.True(t, ok)
	require.Zero(t, second.Cursor)
	require.NoError(t, s.ExtendPeriodicJob(ctx, second, f.now.Add(time.Hour)))
	_, ok = claim(59 * time.Minute)
	require.False(t, ok, "it was kept")
	require.NoError(t, s.FinishPeriodicJob(ctx, second, f.now, f.now.Add(2*time.Hour)))
	_, ok = claim(2*time.Hour - time.Millisecond)
	require.False(t, ok, "it is done until its time")
	third, ok := claim(2 * time.Hour)
	require.True(t, ok)
	require.Equal(t, billing.PeriodicJob{Name: "sweep", Lease: 3, Cursor: f.now}, third)
}

func lostPeriodicJobIsNotWritten(t *testing.T, f *fixture) {
	s, ctx := periodicJobs(t, f), t.Context()
	slow, ok, err := s.ClaimPeriodicJob(ctx, "sweep", f.now, f.now.Add(time.Minute), f.now.Add(distant))
	require.NoError(t, err)
	require.True(t, ok)
	quick, ok, err := s.ClaimPeriodicJob(ctx, "sweep", f.now.Add(time.Minute), f.now.Add(time.Hour), f.now.Add(distant))
	require.NoError(t, err)
	require.True(t, ok)
	require.ErrorIs(t, s.ExtendPeriodicJob(ctx, slow, f.now.Add(time.Hour)), billing.ErrConflict)
	require.ErrorIs(t, s.FinishPeriodicJob(ctx, slow, f.now, f.now), billing.ErrConflict)
	require.NoError(t, s.FinishPeriodicJob(ctx, quick, f.now, f.now.Add(time.Hour)))
	require.ErrorIs(t, s.FinishPeriodicJob(ctx, billing.PeriodicJob{Name: "none", Lease: 1}, f.now, f.now), billing.ErrConflict)
}

// distant is beyond every time at which a periodic job wakes.
const distant = 365 * day

// periodicJobAsleep has a periodic job put to sleep for 40 days by a wrong clock.
func periodicJobAsleep(t *testing.T, f *fixture) {
	s, ctx := periodicJobs(t, f), t.Context()
	ahead := f.now.AddDate(0, 0, 40)
	held, ok, err := s.ClaimPeriodicJob(ctx, "sweep", ahead, ahead.Add(time.Minute), ahead.Add(distant))
	require.NoError(t, err)
	require.True(t, ok)
	require.NoError(t, s.FinishPeriodicJob(ctx, held, ahead, ahead.Add(time.Hour)))
	for _, tc := range []struct {
		latest time.Duration
		due    bool
	}{{distant, false}, {2 * time.Hour, true}} {
		_, ok, err = s.ClaimPeriodicJob(ctx, "sweep", f.now, f.now.Add(time.Minute), f.now.Add(tc.latest))
		require.NoError(t, err)
		require.Equal(t, tc.due, ok)
	}
}
