package scheduler_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/scheduler"
)

// TestAChoreCutOffByAStopIsTakenUpAtTheNextStart: the chore continues without waiting for its time
// or for the end of a lease.
func TestAChoreCutOffByAStopIsTakenUpAtTheNextStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newSlots()
		var begun []time.Duration
		start := time.Now()
		chore := scheduler.Chore{Name: "reconcile", Every: 24 * time.Hour, Run: func(ctx context.Context, _ time.Time) (time.Time, error) {
			begun = append(begun, time.Since(start))
			<-ctx.Done()
			return time.Time{}, ctx.Err()
		}}
		live(t, scheduler.ChoreConfig{Store: store}, time.Minute, chore)
		live(t, scheduler.ChoreConfig{Store: store}, time.Minute, chore)
		require.Equal(t, []time.Duration{0, time.Minute}, begun)
	})
}
