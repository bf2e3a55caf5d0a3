package queue_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/hibiken/asynq"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"tranche/internal/queue"
	"tranche/internal/testenv"
)

func newDoorkeeper(t *testing.T, opt asynq.RedisConnOpt) *queue.Doorkeeper {
	t.Helper()
	d, err := queue.NewDoorkeeper(opt, time.Now, zerolog.Nop())
	require.NoError(t, err)
	t.Cleanup(func() { _ = d.Close() })
	return d
}

// admitted counts how many of a number of requests come in.
func admitted(t *testing.T, d *queue.Doorkeeper, bucket string, perMinute, requests int) (in int) {
	t.Helper()
	for range requests {
		wait := d.Allow(t.Context(), bucket, perMinute)
		if wait == 0 {
			in++
		} else {
			require.LessOrEqual(t, wait, time.Minute)
		}
	}
	return in
}

func TestADoorkeeperCountsEachBucketForAllProcesses(t *testing.T) {
	t.Parallel()
	opt, err := queue.Options(testenv.Redis(t))
	require.NoError(t, err)
	embedded, err := queue.StartEmbedded()
	require.NoError(t, err)
	t.Cleanup(embedded.Close)
	for name, opt := range map[string]asynq.RedisConnOpt{"redis": opt, "embedded": embedded.Options()} {
		one, other := newDoorkeeper(t, opt), newDoorkeeper(t, opt)
		require.Equal(t, 5, admitted(t, one, "a", 5, 8), name)
		require.Zero(t, admitted(t, other, "a", 5, 3), name)
		require.Equal(t, 3, admitted(t, other, "b", 5, 3), name)
	}
}

func TestWithoutRedisVisitorsComeInAndAFloodDoesNot(t *testing.T) {
	t.Parallel()
	opt, err := queue.Options("redis://127.0.0.1:1")
	require.NoError(t, err)
	d := newDoorkeeper(t, opt)
	in := 0
	for i := range 500 {
		in += admitted(t, d, fmt.Sprintf("address-%d", i), 5, 1)
	}
	require.GreaterOrEqual(t, in, 50)
	require.Less(t, in, 400)
}
