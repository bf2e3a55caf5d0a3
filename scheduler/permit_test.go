package scheduler_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/clock"
	"tranche/internal/store/storetest"
	"tranche/scheduler"
)

// gate is a permit that is refused while it is shut.
type gate struct{ shut bool }

// ask answers the permit's check.
func (g *gate) ask(context.Context) error {
	if g.shut {
		return errors.New("not now")
	}
	return nil
}

func TestScheduler_TakesNoPart(t *testing.T) {
	t.Parallel()
	storetest.EachEngine(t, func(t *testing.T, s billing.Store) {
		owe(t, s, 1)
		q, take := &taken{}, &gate{shut: true}
		loop := newScheduler(s, q, func() time.Time { return now }, 0)
		loop.TakePart = take.ask
		n, err := loop.RunOnce(t.Context())
		require.NoError(t, err)
		require.Zero(t, n)
		require.Zero(t, loop.LastTick(), "it is no look at the calendar")
		take.shut = false
		n, err = loop.RunOnce(t.Context())
		require.NoError(t, err)
		require.Positive(t, n)
	})
}

func TestPeriodicJob_WaitsForPermits(t *testing.T) {
	t.Parallel()
	storetest.EachEngine(t, func(t *testing.T, s billing.Store) {
		store, ok := s.(billing.PeriodicJobStore)
		require.True(t, ok)
		take, permit, runs := &gate{shut: true}, &gate{shut: true}, 0
		periodicJobs := scheduler.NewPeriodicJobs(scheduler.PeriodicJobConfig{
			TakePart: take.ask, Store: store, Clock: clock.New(time.Time{}, 0, func() time.Time { return now }),
		})
		job := scheduler.PeriodicJob{Name: "sweep", Every: time.Hour, Permit: permit.ask, Run: func(context.Context, time.Time) (time.Time, error) {
			runs++
			return now, nil
		}}
		for range 2 {
			require.NoError(t, periodicJobs.RunOnce(t.Context(), job))
			require.Zero(t, runs)
			take.shut = false
		}
		permit.shut = false
		require.NoError(t, periodicJobs.RunOnce(t.Context(), job))
		require.Equal(t, 1, runs, "it stayed due")
	})
}
