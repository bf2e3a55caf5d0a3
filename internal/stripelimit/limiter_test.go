package stripelimit_test

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/queue"
	"tranche/internal/queue/queuetest"
	"tranche/internal/stripelimit"
	"tranche/internal/testenv"
)

// wall is a real clock that the test sets.
type wall struct {
	mu  sync.Mutex
	now time.Time
}

func newWall() *wall { return &wall{now: time.Now()} }

func (w *wall) Now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *wall) pass(d time.Duration) {
	w.mu.Lock()
	w.now = w.now.Add(d)
	w.mu.Unlock()
}

func newLimiter(t *testing.T, c stripelimit.Config) *stripelimit.Limiter {
	t.Helper()
	c.Log = zerolog.New(zerolog.NewTestWriter(t))
	l, err := stripelimit.New(c)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	return l
}

// limiterSuite holds the tests that each kind of Redis must pass.
func limiterSuite() map[string]func(t *testing.T, o asynq.RedisConnOpt) {
	return map[string]func(t *testing.T, o asynq.RedisConnOpt){
		"processes share one rate":  processesShareOneRate,
		"buckets are separate":      bucketsAreSeparate,
		"a 429 slows all processes": throttledSlowsAll,
		"limits after a flush":      limiterAfterFlush,
	}
}

func TestLimiterSuite(t *testing.T) {
	t.Parallel()
	engines := queuetest.Engines()
	engines["cluster"] = func(t *testing.T) asynq.RedisConnOpt {
		t.Helper()
		return queuetest.Options(t, "redis-cluster://"+miniredis.RunT(t).Addr())
	}
	queuetest.RunSuite(t, engines, limiterSuite())
}

// requireRate makes calls, eight at a time on each limiter, and requires that they are no faster
// than perSecond after the first burst. It sets no upper bound, for busy machines. Processes that
// did not share a rate would be several times as fast.
func requireRate(t *testing.T, perSecond, calls int, bucket billing.Bucket, limiters ...*stripelimit.Limiter) {
	t.Helper()
	began := time.Now()
	var left, failed atomic.Int64
	left.Store(int64(calls))
	var wg sync.WaitGroup
	for _, l := range limiters {
		for range 8 {
			wg.Go(func() {
				for left.Add(-1) >= 0 {
					if l.Wait(t.Context(), bucket) != nil {
						failed.Add(1)
					}
				}
			})
		}
	}
	wg.Wait()
	require.Zero(t, failed.Load())
	least := time.Duration(float64(calls-perSecond/5) / float64(perSecond) * float64(time.Second))
	require.Greater(t, time.Since(began), least*8/10)
}

func processesShareOneRate(t *testing.T, o asynq.RedisConnOpt) {
	c := stripelimit.Config{Redis: o, Reads: 1, Writes: 100}
	requireRate(t, 100, 120, billing.WriteBucket, newLimiter(t, c), newLimiter(t, c), newLimiter(t, c))
}

func bucketsAreSeparate(t *testing.T, o asynq.RedisConnOpt) {
	w := newWall()
	l := newLimiter(t, stripelimit.Config{Redis: o, Reads: 1, Writes: 1, MaxWait: time.Second, Wall: w.Now})
	for range 5 { // down to the least share: one call in 16 seconds
		l.Throttled(t.Context(), billing.ReadBucket)
		w.pass(time.Second)
	}
	require.NoError(t, l.Wait(t.Context(), billing.ReadBucket))
	require.ErrorIs(t, l.Wait(t.Context(), billing.ReadBucket), billing.ErrUnavailable, "no token in time")
	require.NoError(t, l.Wait(t.Context(), billing.WriteBucket), "reads hold up no write")
}

func throttledSlowsAll(t *testing.T, o asynq.RedisConnOpt) {
	w := newWall()
	c := stripelimit.Config{Redis: o, Reads: 100, Writes: 100, Wall: w.Now}
	one, other := newLimiter(t, c), newLimiter(t, c)
	rate := func(bucket billing.Bucket) float64 { return other.Rate(t.Context(), bucket) }
	require.InDelta(t, 100, rate(billing.WriteBucket), 0.01)

	for range 50 { // as many calls were in flight
		one.Throttled(t.Context(), billing.WriteBucket)
	}
	require.InDelta(t, 50, rate(billing.WriteBucket), 0.01)
	require.InDelta(t, 100, rate(billing.ReadBucket), 0.01)
	requireRate(t, 50, 40, billing.WriteBucket, one, other)

	w.pass(4 * time.Second)
	require.InDelta(t, 70, rate(billing.WriteBucket), 0.01)
	other.Throttled(t.Context(), billing.WriteBucket)
	require.InDelta(t, 35, one.Rate(t.Context(), billing.WriteBucket), 0.01)
	w.pass(13 * time.Second)
	require.InDelta(t, 100, rate(billing.WriteBucket), 0.01)
}

func limiterAfterFlush(t *testing.T, o asynq.RedisConnOpt) {
	l := newLimiter(t, stripelimit.Config{Redis: o, Reads: 1, Writes: 10})
	require.NoError(t, l.Wait(t.Context(), billing.WriteBucket))
	l.Throttled(t.Context(), billing.WriteBucket)
	client := o.MakeRedisClient().(redis.UniversalClient)
	t.Cleanup(func() { _ = client.Close() })
	require.NoError(t, client.FlushAll(t.Context()).Err())
	require.NoError(t, client.ScriptFlush(t.Context()).Err())
	require.InDelta(t, 10, l.Rate(t.Context(), billing.WriteBucket), 0.01)
	require.NoError(t, l.Wait(t.Context(), billing.WriteBucket))
}

// TestLimiter_RedisDown stops Redis and starts it again.
func TestLimiter_RedisDown(t *testing.T) {
	t.Parallel()
	server, w := miniredis.RunT(t), newWall()
	o, err := queue.Options("redis://" + server.Addr())
	require.NoError(t, err)
	began := time.Now()
	passing := func() time.Time { return w.Now().Add(time.Since(began)) }
	l := newLimiter(t, stripelimit.Config{Redis: o, Reads: 1, Writes: 400, Wall: passing})
	require.NoError(t, l.Wait(t.Context(), billing.WriteBucket))

	server.Close()
	requireRate(t, 100, 80, billing.WriteBucket, l) // a quarter
	l.Throttled(t.Context(), billing.WriteBucket)
	requireRate(t, 60, 40, billing.WriteBucket, l) // half of that, recovering

	require.NoError(t, server.Restart())
	w.pass(6 * time.Second)
	require.InDelta(t, 400, l.Rate(t.Context(), billing.WriteBucket), 0.01, "Redis stores no lower rate")
	requireRate(t, 400, 200, billing.WriteBucket, l)
}

// TestLimiter_SilentRedis has a server that accepts connections and never answers. It is asked
// once.
func TestLimiter_SilentRedis(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	o, err := queue.Options("redis://" + listener.Addr().String())
	require.NoError(t, err)
	l := newLimiter(t, stripelimit.Config{Redis: o, Reads: 1000, Writes: 1000})
	began := time.Now()
	for range 20 {
		require.NoError(t, l.Wait(t.Context(), billing.WriteBucket))
	}
	require.Less(t, time.Since(began), 5*time.Second)
}

func TestWait_ContextCanceled(t *testing.T) {
	t.Parallel()
	o, err := queue.Options("redis://" + miniredis.RunT(t).Addr())
	require.NoError(t, err)
	l := newLimiter(t, stripelimit.Config{Redis: o, Reads: 1, Writes: 1})
	require.NoError(t, l.Wait(t.Context(), billing.WriteBucket))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 5)
	for range cap(ended) { // one asks Redis, the others wait for it
		go func() { ended <- l.Wait(ctx, billing.WriteBucket) }()
	}
	cancel()
	for range cap(ended) {
		require.ErrorIs(t, <-ended, context.Canceled)
	}
}

func TestNew_RateBelowOne(t *testing.T) {
	t.Parallel()
	o, err := queue.Options("redis://127.0.0.1:1")
	require.NoError(t, err)
	for _, c := range []stripelimit.Config{{Redis: o, Reads: 0, Writes: 1}, {Redis: o, Reads: 1, Writes: -1}} {
		_, err := stripelimit.New(c)
		require.ErrorContains(t, err, "less than 1 per second")
	}
}

// BenchmarkLimiterWait measures a call that need not wait.
func BenchmarkLimiterWait(b *testing.B) {
	for engine, start := range map[string]func(b *testing.B) asynq.RedisConnOpt{
		"embedded": func(b *testing.B) asynq.RedisConnOpt {
			e, err := queue.StartEmbedded()
			require.NoError(b, err)
			b.Cleanup(e.Close)
			return e.Options()
		},
		"redis": func(b *testing.B) asynq.RedisConnOpt {
			o, err := queue.Options(testenv.Redis(b))
			require.NoError(b, err)
			return o
		},
	} {
		b.Run(engine, func(b *testing.B) {
			l, err := stripelimit.New(stripelimit.Config{Redis: start(b), Reads: 1_000_000, Writes: 1_000_000, Log: zerolog.Nop()})
			require.NoError(b, err)
			b.Cleanup(func() { require.NoError(b, l.Close()) })
			for b.Loop() {
				require.NoError(b, l.Wait(b.Context(), billing.WriteBucket))
			}
		})
	}
}
