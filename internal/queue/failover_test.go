package queue_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/queue"
	"tranche/internal/testenv"
)

// TestTheQueueGoesOnAfterAFailover kills the master. Tasks may be lost with it, which the queue's
// users expect. The test requires that the same processes accept and run tasks again once Sentinel
// has promoted another master.
func TestTheQueueGoesOnAfterAFailover(t *testing.T) {
	t.Parallel()
	url, killMaster := testenv.Sentinel(t)
	o, err := queue.Options(url)
	require.NoError(t, err)
	q, r := newQueue(t, o), newRan()
	start(t, o, r.ProcessTask)
	require.NoError(t, q.Enqueue(t.Context(), tasks("event:handle", 1)...))
	r.wait(t)

	killMaster()
	require.Eventually(t, func() bool {
		more := tasks("event:handle", 2)[1:]
		more[0].ID = "after-" + time.Now().Format(time.RFC3339Nano)
		return q.Enqueue(t.Context(), more...) == nil
	}, 30*time.Second, 200*time.Millisecond)
	r.wait(t)
}
