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

func newRequestLimiter(t *testing.T, opt asynq.RedisConnOpt) *queue.RequestLimiter {
	t.Helper()
	l, err := queue.NewRequestLimiter(opt, time.Now, zerolog.Nop())
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// admitted returns how many of the requests are within the limit.
func admitted(t *testing.T, l *queue.RequestLimiter, bucket string, perMinute, requests int) (in int) {
	t.Helper()
	for range requests {
		wait := l.Allow(t.Context(), bucket, perMinute)
		if wait == 0 {
			in++
		} else {
			require.LessOrEqual(t, wait, time.Minute)
		}
	}
	return in
}

func TestRequestLimiter_SharedByProcesses(t *testing.T) {
	t.Parallel()
	opt, err := queue.Options(testenv.Redis(t))
	require.NoError(t, err)
	embedded, err := queue.StartEmbedded()
	require.NoError(t, err)
	t.Cleanup(embedded.Close)
	for name, opt := range map[string]asynq.RedisConnOpt{"redis": opt, "embedded": embedded.Options()} {
		one, other := newRequestLimiter(t, opt), newRequestLimiter(t, opt)
		require.Equal(t, 5, admitted(t, one, "a", 5, 8), name)
		require.Zero(t, admitted(t, other, "a", 5, 3), name)
		require.Equal(t, 3, admitted(t, other, "b", 5, 3), name)
	}
}

func TestRequestLimiter_RedisDown(t *testing.T) {
	t.Parallel()
	opt, err := queue.Options("redis://127.0.0.1:1")
	require.NoError(t, err)
	l := newRequestLimiter(t, opt)
	in := 0
	for i := range 500 {
		in += admitted(t, l, fmt.Sprintf("address-%d", i), 5, 1)
	}
	require.GreaterOrEqual(t, in, 50)
	require.Less(t, in, 400)
}
