package queue_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/hibiken/asynq"
	"github.com/stretchr/testify/require"

	"tranche/internal/queue/queuetest"
)

// TestArchived_GivenUpTasks requires that tasks that were given up lately are counted, with the
// reason.
func TestArchived_GivenUpTasks(t *testing.T) {
	t.Parallel()
	for engine, open := range queuetest.Engines() {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			o := open(t)
			q := newQueue(t, o)
			b, err := q.Archived(t.Context(), time.Now().Add(-time.Hour))
			require.NoError(t, err)
			require.Zero(t, b)

			start(t, o, func(context.Context, *asynq.Task) error {
				return fmt.Errorf("no such table: %w", asynq.SkipRetry) // given up at once
			})
			require.NoError(t, q.Enqueue(t.Context(), append(tasks("charge:collect", 120), tasks("event:handle", 5)...)...))
			require.Eventually(t, func() bool {
				b, err = q.Archived(t.Context(), time.Now().Add(-time.Hour))
				return err == nil && b.Count == 125
			}, patience, 50*time.Millisecond)
			require.Len(t, b.IDs, 5)
			require.Contains(t, b.Reason, "no such table")
			require.WithinDuration(t, time.Now(), b.Oldest, patience)

			b, err = q.Archived(t.Context(), time.Now().Add(time.Hour))
			require.NoError(t, err)
			require.Zero(t, b, "older ones say nothing of today")
		})
	}
}
