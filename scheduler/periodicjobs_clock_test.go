package scheduler_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/scheduler"
)

// TestPeriodicJob_WrongClockBefore: a process whose clock is 40 days ahead has run the job. It
// would sleep for 40 days, and its cursor is in the future.
func TestPeriodicJob_WrongClockBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newSlots()
		ahead := time.Now().AddDate(0, 0, 40)
		store.rows["sweep"] = billing.PeriodicJob{Name: "sweep", Cursor: ahead, Lease: 1}
		store.wakes["sweep"] = ahead.Add(15 * time.Minute)
		var cursors []time.Time
		live(t, scheduler.PeriodicJobConfig{Store: store}, 20*time.Minute, scheduler.PeriodicJob{
			Name: "sweep", Every: 15 * time.Minute,
			Run: func(_ context.Context, cursor time.Time) (time.Time, error) {
				cursors = append(cursors, cursor)
				return time.Now(), nil
			},
		})
		require.Len(t, cursors, 2)
		require.Zero(t, cursors[0], "how far it has come is not known")
		require.NotZero(t, cursors[1])
	})
}
