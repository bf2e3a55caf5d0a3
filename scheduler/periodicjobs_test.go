package scheduler_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/clock"
	"tranche/internal/store/storetest"
	"tranche/scheduler"
)

// slots keeps periodic jobs in memory, as a store does: a database does not work in a time bubble.
type slots struct {
	mu    sync.Mutex
	rows  map[string]billing.PeriodicJob
	wakes map[string]time.Time
}

func newSlots() *slots {
	return &slots{rows: map[string]billing.PeriodicJob{}, wakes: map[string]time.Time{}}
}

// ClaimPeriodicJob claims a periodic job that is due.
func (s *slots) ClaimPeriodicJob(_ context.Context, name string, now, until, latest time.Time) (billing.PeriodicJob, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if wake := s.wakes[name]; wake.After(now) && !wake.After(latest) {
		return billing.PeriodicJob{}, false, nil
	}
	c := s.rows[name]
	c.Name, c.Lease = name, c.Lease+1
	s.rows[name], s.wakes[name] = c, until
	return c, true, nil
}

// ExtendPeriodicJob extends a periodic job's lease.
func (s *slots) ExtendPeriodicJob(_ context.Context, c billing.PeriodicJob, until time.Time) error {
	return s.change(c, c.Cursor, until)
}

// FinishPeriodicJob ends a periodic job.
func (s *slots) FinishPeriodicJob(_ context.Context, c billing.PeriodicJob, cursor, next time.Time) error {
	return s.change(c, cursor, next)
}

func (s *slots) change(c billing.PeriodicJob, cursor, wake time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.rows[c.Name].Lease != c.Lease {
		return billing.ErrConflict
	}
	c.Cursor = cursor
	s.rows[c.Name], s.wakes[c.Name] = c, wake
	return nil
}

// live runs periodic jobs in a bubble for a while.
func live(t *testing.T, c scheduler.PeriodicJobConfig, d time.Duration, periodicJobs ...scheduler.PeriodicJob) {
	t.Helper()
	c.Log = zerolog.New(zerolog.NewTestWriter(t))
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	scheduler.NewPeriodicJobs(c, periodicJobs...).Run(ctx)
}

func TestPeriodicJobsRunAtTheirTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var cursors []time.Time
		began := time.Now()
		live(t, scheduler.PeriodicJobConfig{Store: newSlots()}, 59*time.Minute, scheduler.PeriodicJob{
			Name: "sweep", Every: 15 * time.Minute,
			Run: func(_ context.Context, cursor time.Time) (time.Time, error) {
				cursors = append(cursors, cursor)
				return began.Add(time.Duration(len(cursors))), nil
			},
		})
		require.Equal(t, []time.Time{{}, began.Add(1), began.Add(2), began.Add(3)}, cursors)
	})
}

func TestAFastClockDoesNotHurryStripe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		runs := 0
		fast := clock.New(time.Now(), 86400, time.Now)
		live(t, scheduler.PeriodicJobConfig{Store: newSlots(), Clock: fast, Look: 100 * time.Millisecond}, 9*time.Second, scheduler.PeriodicJob{
			Name: "sweep", Every: 15 * time.Minute, Pause: 2 * time.Second,
			Run: func(context.Context, time.Time) (time.Time, error) { runs++; return fast.Now(), nil },
		})
		require.Equal(t, 5, runs)
	})
}

func TestAPeriodicJobThatFailsIsTriedAgainFromItsCursor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, runs := newSlots(), 0
		live(t, scheduler.PeriodicJobConfig{Store: store}, 50*time.Minute, scheduler.PeriodicJob{
			Name: "reconcile", Every: 24 * time.Hour,
			Run: func(_ context.Context, cursor time.Time) (time.Time, error) {
				require.Zero(t, cursor)
				if runs++; runs < 3 {
					return time.Now(), errors.New("Stripe is away")
				}
				return time.Now(), nil
			},
		})
		require.Equal(t, 3, runs)
		require.NotZero(t, store.rows["reconcile"].Cursor)
	})
}

func TestALongPeriodicJobKeepsItsLeaseAndDelaysNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, long, short := newSlots(), 0, 0
		slow := scheduler.PeriodicJob{Name: "long", Every: time.Minute, Run: func(ctx context.Context, _ time.Time) (time.Time, error) {
			long++
			<-ctx.Done()
			return time.Time{}, ctx.Err()
		}}
		quick := scheduler.PeriodicJob{Name: "short", Every: time.Minute, Run: func(context.Context, time.Time) (time.Time, error) {
			short++
			return time.Now(), nil
		}}
		var both sync.WaitGroup
		for range 2 { // two processes
			both.Go(func() { live(t, scheduler.PeriodicJobConfig{Store: store}, time.Hour, slow, quick) })
		}
		both.Wait()
		require.LessOrEqual(t, long, 2, "the second only takes it up when the first stops")
		require.InDelta(t, 60, short, 1)
	})
}

func TestWhoLosesAPeriodicJobStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newSlots()
		err := scheduler.NewPeriodicJobs(scheduler.PeriodicJobConfig{Store: store}).RunOnce(t.Context(), scheduler.PeriodicJob{
			Name: "sweep", Every: time.Hour, Run: func(ctx context.Context, _ time.Time) (time.Time, error) {
				store.mu.Lock()
				taken := store.rows["sweep"]
				taken.Lease++
				store.rows["sweep"] = taken
				store.mu.Unlock()
				<-ctx.Done()
				return time.Now(), nil
			},
		})
		require.ErrorIs(t, err, billing.ErrConflict)
		require.Zero(t, store.rows["sweep"].Cursor, "nothing was written")
	})
}

func TestManySchedulersDoAPeriodicJobOnce(t *testing.T) {
	t.Parallel()
	storetest.EachEngine(t, func(t *testing.T, s billing.Store) {
		store, ok := s.(billing.PeriodicJobStore)
		require.True(t, ok)
		var runs atomic.Int64
		periodicJob := scheduler.PeriodicJob{Name: "sweep", Every: time.Hour, Run: func(context.Context, time.Time) (time.Time, error) {
			runs.Add(1)
			return now, nil
		}}
		var all sync.WaitGroup
		for range 12 {
			all.Go(func() {
				if err := scheduler.NewPeriodicJobs(scheduler.PeriodicJobConfig{Store: store}).RunOnce(t.Context(), periodicJob); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		require.Equal(t, int64(1), runs.Load())
	})
}
