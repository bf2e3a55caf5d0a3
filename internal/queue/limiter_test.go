package queue_test

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
	"tranche/internal/testenv"
)

// wall is the real clock in the test's hand.
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

func newLimiter(t *testing.T, c queue.LimiterConfig) *queue.Limiter {
	t.Helper()
	c.Log = zerolog.New(zerolog.NewTestWriter(t))
	l, err := queue.NewLimiter(c)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	return l
}

// limiterSuite is what a Redis must do for the limiter.
func limiterSuite() map[string]func(t *testing.T, o asynq.RedisConnOpt) {
	return map[string]func(t *testing.T, o asynq.RedisConnOpt){
		"processes share one rate":        processesShareOneRate,
		"lanes are apart":                 lanesAreApart,
		"a complaint slows all processes": complaintSlowsAll,
		"a flushed Redis goes on":         flushedLimiterGoesOn,
	}
}

func TestLimiterSuite(t *testing.T) {
	t.Parallel()
	all := engines()
	all["cluster"] = func(t *testing.T) asynq.RedisConnOpt {
		t.Helper()
		o, err := queue.Options("redis-cluster://" + miniredis.RunT(t).Addr())
		require.NoError(t, err)
		return o
	}
	for engine, start := range all {
		for name, test := range limiterSuite() {
			t.Run(engine+"/"+name, func(t *testing.T) {
				t.Parallel()
				test(t, start(t))
			})
		}
	}
}

// requireRate makes calls, eight at a time on each limiter, and wants that they take as long as so many calls a second
// do, after a fifth of a second's calls at once. A busy machine may take longer: processes that did not share a rate would
// be several times as fast.
func requireRate(t *testing.T, perSecond, calls int, lane billing.Lane, limiters ...*queue.Limiter) {
	t.Helper()
	began := time.Now()
	var left, failed atomic.Int64
	left.Store(int64(calls))
	var wg sync.WaitGroup
	for _, l := range limiters {
		for range 8 {
			wg.Go(func() {
				for left.Add(-1) >= 0 {
					if l.Wait(t.Context(), lane) != nil {
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
	c := queue.LimiterConfig{Redis: o, Reads: 1, Writes: 100}
	requireRate(t, 100, 120, billing.LaneWrite, newLimiter(t, c), newLimiter(t, c), newLimiter(t, c))
}

func lanesAreApart(t *testing.T, o asynq.RedisConnOpt) {
	w := newWall()
	l := newLimiter(t, queue.LimiterConfig{Redis: o, Reads: 1, Writes: 1, Patience: time.Second, Wall: w.Now})
	for range 5 { // as slow as it gets: a call in 16 seconds
		l.Throttled(t.Context(), billing.LaneRead)
		w.pass(time.Second)
	}
	require.NoError(t, l.Wait(t.Context(), billing.LaneRead))
	require.ErrorIs(t, l.Wait(t.Context(), billing.LaneRead), billing.ErrUnavailable, "its turn does not come in time")
	require.NoError(t, l.Wait(t.Context(), billing.LaneWrite), "look-ups hold up no charge")
}

func complaintSlowsAll(t *testing.T, o asynq.RedisConnOpt) {
	w := newWall()
	c := queue.LimiterConfig{Redis: o, Reads: 100, Writes: 100, Wall: w.Now}
	one, other := newLimiter(t, c), newLimiter(t, c)
	rate := func(lane billing.Lane) float64 { return other.Rate(t.Context(), lane) }
	require.InDelta(t, 100, rate(billing.LaneWrite), 0.01)

	for range 50 { // as many calls were under way
		one.Throttled(t.Context(), billing.LaneWrite)
	}
	require.InDelta(t, 50, rate(billing.LaneWrite), 0.01)
	require.InDelta(t, 100, rate(billing.LaneRead), 0.01)
	requireRate(t, 50, 40, billing.LaneWrite, one, other)

	w.pass(4 * time.Second)
	require.InDelta(t, 70, rate(billing.LaneWrite), 0.01)
	other.Throttled(t.Context(), billing.LaneWrite)
	require.InDelta(t, 35, one.Rate(t.Context(), billing.LaneWrite), 0.01)
	w.pass(13 * time.Second)
	require.InDelta(t, 100, rate(billing.LaneWrite), 0.01)
}

func flushedLimiterGoesOn(t *testing.T, o asynq.RedisConnOpt) {
	l := newLimiter(t, queue.LimiterConfig{Redis: o, Reads: 1, Writes: 10})
	require.NoError(t, l.Wait(t.Context(), billing.LaneWrite))
	l.Throttled(t.Context(), billing.LaneWrite)
	client := o.MakeRedisClient().(redis.UniversalClient)
	t.Cleanup(func() { _ = client.Close() })
	require.NoError(t, client.FlushAll(t.Context()).Err())
	require.NoError(t, client.ScriptFlush(t.Context()).Err())
	require.InDelta(t, 10, l.Rate(t.Context(), billing.LaneWrite), 0.01)
	require.NoError(t, l.Wait(t.Context(), billing.LaneWrite))
}

// TestLimiterWithoutRedis takes Redis away and brings it back.
func TestLimiterWithoutRedis(t *testing.T) {
	t.Parallel()
	server, w := miniredis.RunT(t), newWall()
	o, err := queue.Options("redis://" + server.Addr())
	require.NoError(t, err)
	began := time.Now()
	passing := func() time.Time { return w.Now().Add(time.Since(began)) }
	l := newLimiter(t, queue.LimiterConfig{Redis: o, Reads: 1, Writes: 400, Wall: passing})
	require.NoError(t, l.Wait(t.Context(), billing.LaneWrite))

	server.Close()
	requireRate(t, 100, 80, billing.LaneWrite, l) // a quarter
	l.Throttled(t.Context(), billing.LaneWrite)
	requireRate(t, 60, 40, billing.LaneWrite, l) // half of that, on its way back

	require.NoError(t, server.Restart())
	w.pass(6 * time.Second)
	require.InDelta(t, 400, l.Rate(t.Context(), billing.LaneWrite), 0.01, "Redis knows of no complaint")
	requireRate(t, 400, 200, billing.LaneWrite, l)
}

// TestLimiterWithASilentRedis is a server that takes connections and never answers: it is asked once.
func TestLimiterWithASilentRedis(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	o, err := queue.Options("redis://" + listener.Addr().String())
	require.NoError(t, err)
	l := newLimiter(t, queue.LimiterConfig{Redis: o, Reads: 1000, Writes: 1000})
	began := time.Now()
	for range 20 {
		require.NoError(t, l.Wait(t.Context(), billing.LaneWrite))
	}
	require.Less(t, time.Since(began), 5*time.Second)
}

func TestLimiterWaitEndsWithItsContext(t *testing.T) {
	t.Parallel()
	o, err := queue.Options("redis://" + miniredis.RunT(t).Addr())
	require.NoError(t, err)
	l := newLimiter(t, queue.LimiterConfig{Redis: o, Reads: 1, Writes: 1})
	require.NoError(t, l.Wait(t.Context(), billing.LaneWrite))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 5)
	for range cap(ended) { // one asks Redis, the others wait in line
		go func() { ended <- l.Wait(ctx, billing.LaneWrite) }()
	}
	cancel()
	for range cap(ended) {
		require.ErrorIs(t, <-ended, context.Canceled)
	}
}

func TestLimiterRefusesARateOfNothing(t *testing.T) {
	t.Parallel()
	o, err := queue.Options("redis://127.0.0.1:1")
	require.NoError(t, err)
	for _, c := range []queue.LimiterConfig{{Redis: o, Reads: 0, Writes: 1}, {Redis: o, Reads: 1, Writes: -1}} {
		_, err := queue.NewLimiter(c)
		require.ErrorContains(t, err, "less than 1 a second")
	}
}

// BenchmarkLimiterWait is what a call costs that need not wait.
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
			l, err := queue.NewLimiter(queue.LimiterConfig{Redis: start(b), Reads: 1_000_000, Writes: 1_000_000, Log: zerolog.Nop()})
			require.NoError(b, err)
			b.Cleanup(func() { require.NoError(b, l.Close()) })
			for b.Loop() {
				require.NoError(b, l.Wait(b.Context(), billing.LaneWrite))
			}
		})
	}
}
