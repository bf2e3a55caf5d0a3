package scheduler_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/scheduler"
)

// TestAPeriodicJobCutOffByAStopIsTakenUpAtTheNextStart: the periodic job continues without waiting
// for its time or for the end of a lease.
func TestAPeriodicJobCutOffByAStopIsTakenUpAtTheNextStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newSlots()
		var begun []time.Duration
		start := time.Now()
		periodicJob := scheduler.PeriodicJob{Name: "reconcile", Every: 24 * time.Hour, Run: func(ctx context.Context, _ time.Time) (time.Time, error) {
			begun = append(begun, time.Since(start))
			<-ctx.Done()
			return time.Time{}, ctx.Err()
		}}
		live(t, scheduler.PeriodicJobConfig{Store: store}, time.Minute, periodicJob)
		live(t, scheduler.PeriodicJobConfig{Store: store}, time.Minute, periodicJob)
		require.Equal(t, []time.Duration{0, time.Minute}, begun)
	})
}
