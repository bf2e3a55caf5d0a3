package queue_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/queue"
	"tranche/internal/queue/queuetest"
	"tranche/internal/testenv"
)

func TestCheckWrite_EachEngine(t *testing.T) {
	t.Parallel()
	for engine, open := range queuetest.Engines() {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			q := newQueue(t, open(t))
			require.NoError(t, q.CheckWrite(t.Context()))
		})
	}
}

// TestFullRedis_IsCountedAndRefusesTasks requires that the tasks in a full Redis can still be
// counted.
func TestFullRedis_IsCountedAndRefusesTasks(t *testing.T) {
	t.Parallel()
	url := testenv.RedisServer(t, "--maxmemory", "8mb", "--maxmemory-policy", "noeviction")
	options, err := queue.Options(url)
	require.NoError(t, err)
	q := newQueue(t, options)
	require.NoError(t, q.Enqueue(t.Context(), tasks("event:handle", 3)...))
	empty := testenv.FillRedis(t, url)

	require.ErrorIs(t, q.Enqueue(t.Context(), tasks("charge:collect", 1)...), billing.ErrUnavailable)
	err = q.CheckWrite(t.Context())
	require.ErrorIs(t, err, billing.ErrUnavailable)
	require.ErrorContains(t, err, "OOM")
	require.NoError(t, q.Ping(t.Context()), "it answers")
	depths, err := q.Stats(t.Context())
	require.NoError(t, err)
	require.Equal(t, 3, depths[0].Pending)
	_, err = q.Archived(t.Context(), time.Now().Add(-time.Hour))
	require.NoError(t, err)

	empty()
	require.NoError(t, q.CheckWrite(t.Context()))
}

func TestEvictionPolicy(t *testing.T) {
	t.Parallel()
	for _, policy := range []string{"noeviction", "allkeys-lru", "volatile-ttl"} {
		options, err := queue.Options(testenv.RedisServer(t, "--maxmemory", "8mb", "--maxmemory-policy", policy))
		require.NoError(t, err)
		got, err := newQueue(t, options).EvictionPolicy(t.Context())
		require.NoError(t, err)
		require.Equal(t, policy, got)
	}
}
