package queue_test

import (
	"context"
	"errors"
	"net"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/queue"
	"tranche/internal/queue/queuetest"
)

// suite holds the tests that the queue must pass on each kind of Redis.
func suite() map[string]func(t *testing.T, o asynq.RedisConnOpt) {
	return map[string]func(t *testing.T, o asynq.RedisConnOpt){
		"every task runs":                     everyTaskRuns,
		"an id is taken while its task waits": idTaken,
		"a delayed task waits":                delayedTaskWaits,
		"a failed task runs again":            failedTaskRunsAgain,
		"a flushed queue goes on":             flushedQueueGoesOn,
		"charges do not hold up events":       chargesDoNotHoldUpEvents,
		"an unfinished task is handed back":   unfinishedTaskIsHandedBack,
	}
}

func TestSuite(t *testing.T) {
	t.Parallel()
	queuetest.RunSuite(t, queuetest.Engines(), suite())
}

const patience = 20 * time.Second // of a test, for what should take milliseconds

func routes() map[string]queue.Route {
	return map[string]queue.Route{
		"event:handle":   {Queue: queue.Events, MaxRetry: 5, Timeout: time.Minute},
		"charge:collect": {Queue: queue.Charges, MaxRetry: 5, Timeout: time.Minute},
		"charge:retry":   {Queue: queue.Retries, MaxRetry: 5, Timeout: time.Minute},
		"notice:send":    {Queue: queue.Notices, MaxRetry: 5, Timeout: time.Minute},

		"webhook:deliver": {Queue: queue.Webhooks, MaxRetry: 5, Timeout: time.Minute},
	}
}

func newQueue(t *testing.T, o asynq.RedisConnOpt) *queue.Queue {
	t.Helper()
	q, err := queue.New(o, routes(), nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, q.Close()) })
	return q
}

func newServer(t *testing.T, o asynq.RedisConnOpt, shutdown time.Duration, h asynq.HandlerFunc) *queue.Server {
	t.Helper()
	s, err := queue.NewServer(queue.ServerConfig{
		Redis: o, ShortConcurrency: 4, ChargeConcurrency: 8, WebhookConcurrency: 2, ShutdownTimeout: shutdown, Log: zerolog.Nop(),
	}, h)
	require.NoError(t, err)
	return s
}

func start(t *testing.T, o asynq.RedisConnOpt, h asynq.HandlerFunc) {
	t.Helper()
	s := newServer(t, o, 5*time.Second, h)
	require.NoError(t, s.Start())
	t.Cleanup(s.Stop)
}

// ran collects the ids of tasks that were run.
type ran struct {
	mu   sync.Mutex
	ids  map[string]int
	each chan string
}

func newRan() *ran { return &ran{ids: map[string]int{}, each: make(chan string, 10000)} }

func (r *ran) ProcessTask(_ context.Context, task *asynq.Task) error {
	r.mu.Lock()
	r.ids[string(task.Payload())]++
	r.mu.Unlock()
	r.each <- string(task.Payload())
	return nil
}

func (r *ran) wait(t *testing.T) string {
	t.Helper()
	select {
	case id := <-r.each:
		return id
	case <-time.After(patience):
		require.Fail(t, "no task ran")
		return ""
	}
}

func tasks(kind string, n int) []billing.Task {
	list := make([]billing.Task, n)
	for i := range list {
		id := kind + ":" + strconv.Itoa(i)
		list[i] = billing.Task{Kind: kind, ID: id, Payload: []byte(id)}
	}
	return list
}

func everyTaskRuns(t *testing.T, o asynq.RedisConnOpt) {
	q, r := newQueue(t, o), newRan()
	start(t, o, r.ProcessTask)
	want := 0
	for kind := range routes() {
		require.NoError(t, q.Enqueue(t.Context(), tasks(kind, 50)...))
		want += 50
	}
	require.Eventually(t, func() bool { r.mu.Lock(); defer r.mu.Unlock(); return len(r.ids) == want }, patience, 10*time.Millisecond)
	require.NoError(t, q.Ping(t.Context()))
}

func idTaken(t *testing.T, o asynq.RedisConnOpt) {
	q, r := newQueue(t, o), newRan()
	task := tasks("charge:collect", 1)[0]
	for range 3 {
		require.NoError(t, q.Enqueue(t.Context(), task, task))
	}
	later := task
	later.ID, later.At = "later", time.Now().Add(time.Hour)
	require.NoError(t, q.Enqueue(t.Context(), later, later))
	require.Equal(t, []int{1, 1}, waiting(t, q, queue.Charges))

	start(t, o, r.ProcessTask)
	r.wait(t)
	require.Eventually(t, func() bool { return waiting(t, q, queue.Charges)[0] == 0 }, patience, 10*time.Millisecond)
	require.NoError(t, q.Enqueue(t.Context(), task), "the id is free again")
	r.wait(t)
	r.mu.Lock()
	defer r.mu.Unlock()
	require.Equal(t, map[string]int{task.ID: 2}, r.ids)
}

// waiting returns how many tasks of a queue are pending or active, and how many are scheduled.
func waiting(t *testing.T, q *queue.Queue, name string) []int {
	t.Helper()
	depths, err := q.Stats(t.Context())
	require.NoError(t, err)
	require.Len(t, depths, 5)
	for _, d := range depths {
		if d.Queue == name {
			return []int{d.Pending + d.Active, d.Scheduled}
		}
	}
	require.Fail(t, "no such queue", name)
	return nil
}

// delayedTaskWaits enqueues a task for a simulated time a day ahead, on a clock that reaches it in
// 1.5 s.
func delayedTaskWaits(t *testing.T, o asynq.RedisConnOpt) {
	const delay = 4 * time.Second
	r := newRan()
	tomorrow := time.Now().Add(24 * time.Hour)
	q, err := queue.New(o, routes(), func(at time.Time) time.Duration {
		if at.Equal(tomorrow) {
			return delay
		}
		return -time.Hour
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, q.Close()) })
	start(t, o, r.ProcessTask)
	began := time.Now()
	require.NoError(t, q.Enqueue(t.Context(),
		billing.Task{Kind: "charge:retry", ID: "a", Payload: []byte("tomorrow"), At: tomorrow},
		billing.Task{Kind: "charge:retry", ID: "b", Payload: []byte("overdue"), At: tomorrow.Add(-time.Minute)}))
	require.Equal(t, "overdue", r.wait(t))
	require.Less(t, time.Since(began), delay)
	require.Equal(t, "tomorrow", r.wait(t))
	require.GreaterOrEqual(t, time.Since(began), delay, "not before its time")
}

func failedTaskRunsAgain(t *testing.T, o asynq.RedisConnOpt) {
	q, r := newQueue(t, o), newRan()
	start(t, o, func(ctx context.Context, task *asynq.Task) error {
		if retried, _ := asynq.GetRetryCount(ctx); retried == 0 {
			return errors.New("not yet")
		}
		return r.ProcessTask(ctx, task)
	})
	require.NoError(t, q.Enqueue(t.Context(), tasks("event:handle", 1)...))
	require.Equal(t, "event:handle:0", r.wait(t))
}

func flushedQueueGoesOn(t *testing.T, o asynq.RedisConnOpt) {
	q, r := newQueue(t, o), newRan()
	waitingTask := tasks("charge:collect", 1)[0]
	waitingTask.At = time.Now().Add(time.Hour)
	require.NoError(t, q.Enqueue(t.Context(), waitingTask))
	client := o.MakeRedisClient().(redis.UniversalClient)
	t.Cleanup(func() { _ = client.Close() })
	require.NoError(t, client.FlushAll(t.Context()).Err())
	require.Equal(t, []int{0, 0}, waiting(t, q, queue.Charges))
	require.NoError(t, q.Enqueue(t.Context(), waitingTask))
	require.Equal(t, []int{0, 1}, waiting(t, q, queue.Charges), "it is counted, though asynq's registry was flushed")

	start(t, o, r.ProcessTask)
	require.NoError(t, q.Enqueue(t.Context(), tasks("event:handle", 1)...))
	require.Equal(t, "event:handle:0", r.wait(t))
	require.NoError(t, client.FlushAll(t.Context()).Err())
	require.NoError(t, q.Enqueue(t.Context(), tasks("charge:collect", 1)...))
	require.Equal(t, "charge:collect:0", r.wait(t), "the running server goes on too")
}

// chargesDoNotHoldUpEvents fills every slot for charges, and 5,000 more wait.
func chargesDoNotHoldUpEvents(t *testing.T, o asynq.RedisConnOpt) {
	const bound = 10 * time.Second // some 200 times what an idle machine takes
	q, r := newQueue(t, o), newRan()
	release := make(chan struct{})
	start(t, o, func(ctx context.Context, task *asynq.Task) error {
		if task.Type() == "charge:collect" {
			<-release // a slow call to Stripe
			return nil
		}
		return r.ProcessTask(ctx, task)
	})
	t.Cleanup(func() {
		client := o.MakeRedisClient().(redis.UniversalClient)
		require.NoError(t, client.FlushAll(context.WithoutCancel(t.Context())).Err()) // the 5,000 charges are dropped
		require.NoError(t, client.Close())
		close(release)
	})
	require.NoError(t, q.Enqueue(t.Context(), tasks("charge:collect", 5000)...))
	began := time.Now()
	require.NoError(t, q.Enqueue(t.Context(), tasks("event:handle", 1)...))
	require.Equal(t, "event:handle:0", r.wait(t))
	require.Less(t, time.Since(began), bound)
}

// unfinishedTaskIsHandedBack stops a server during a task that ignores its context.
func unfinishedTaskIsHandedBack(t *testing.T, o asynq.RedisConnOpt) {
	q, r := newQueue(t, o), newRan()
	begun, release := make(chan struct{}), make(chan struct{})
	t.Cleanup(func() { close(release) })
	first := newServer(t, o, 50*time.Millisecond, func(context.Context, *asynq.Task) error {
		close(begun)
		<-release
		return nil
	})
	require.NoError(t, first.Start())
	require.NoError(t, q.Enqueue(t.Context(), tasks("charge:collect", 1)...))
	<-begun
	first.Stop()
	start(t, o, r.ProcessTask)
	require.Equal(t, "charge:collect:0", r.wait(t))
}

// TestRedisDown requires that calls fail at once, with an error that allows a retry.
func TestRedisDown(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	o, err := queue.Options("redis://:hunter2@" + l.Addr().String())
	require.NoError(t, err)
	q := newQueue(t, o)
	began := time.Now()
	for _, err := range []error{
		q.Enqueue(t.Context(), tasks("charge:collect", 500)...),
		q.Ping(t.Context()),
		func() error { _, err := q.Stats(t.Context()); return err }(),
	} {
		require.ErrorIs(t, err, billing.ErrUnavailable)
		require.NotContains(t, err.Error(), "hunter2")
	}
	require.Less(t, time.Since(began), 20*time.Second)

	s := newServer(t, o, time.Second, func(context.Context, *asynq.Task) error { return nil })
	require.NoError(t, s.Start(), "it starts, and waits for Redis")
	s.Stop()
}

// TestRedisSilent has a server that accepts connections and never answers: the caller's deadline
// holds.
func TestRedisSilent(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	o, err := queue.Options("redis://" + l.Addr().String())
	require.NoError(t, err)
	q := newQueue(t, o)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	began := time.Now()
	require.ErrorIs(t, q.Enqueue(ctx, tasks("charge:collect", 100)...), billing.ErrUnavailable)
	require.Less(t, time.Since(began), 20*time.Second)
}

func TestEnqueueRefuses(t *testing.T) {
	t.Parallel()
	e, err := queue.StartEmbedded()
	require.NoError(t, err)
	t.Cleanup(e.Close)
	q := newQueue(t, e.Options())
	good := tasks("charge:collect", 1)[0]
	err = q.Enqueue(t.Context(), good, billing.Task{Kind: "charge:colect", ID: "x"})
	require.EqualError(t, err, `enqueue x: no route for kind "charge:colect"`)
	require.EqualError(t, q.Enqueue(t.Context(), good, billing.Task{Kind: "charge:collect"}), "enqueue charge:collect: no id")
	require.Equal(t, []int{0, 0}, waiting(t, q, queue.Charges), "and nothing was added")
	require.NoError(t, q.Enqueue(t.Context()), "no tasks are no fault")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, q.Enqueue(ctx, good), billing.ErrUnavailable)
}

// TestEmbeddedTimePasses requires that a key expires, which miniredis does not do by itself.
func TestEmbeddedTimePasses(t *testing.T) {
	t.Parallel()
	e, err := queue.StartEmbedded()
	require.NoError(t, err)
	t.Cleanup(e.Close)
	client := e.Options().MakeRedisClient().(redis.UniversalClient)
	t.Cleanup(func() { _ = client.Close() })
	require.NoError(t, client.Set(t.Context(), "lock", "1", time.Second).Err())
	require.NoError(t, client.Set(t.Context(), "lease", "1", time.Hour).Err())
	require.Eventually(t, func() bool { return client.Exists(t.Context(), "lock").Val() == 0 }, patience, 50*time.Millisecond)
	require.Equal(t, int64(1), client.Exists(t.Context(), "lease").Val())

	stranger := redis.NewClient(&redis.Options{Addr: client.(*redis.Client).Options().Addr})
	t.Cleanup(func() { _ = stranger.Close() })
	require.Error(t, stranger.Ping(t.Context()).Err(), "the port alone does not let anybody in")
}

// TestStartStop requires that no goroutine is left. It is not parallel, because goroutines of other
// tests would be counted too.
func TestStartStop(t *testing.T) {
	before := runtime.NumGoroutine()
	for range 15 {
		e, err := queue.StartEmbedded()
		require.NoError(t, err)
		q, err := queue.New(e.Options(), routes(), nil)
		require.NoError(t, err)
		r := newRan()
		s := newServer(t, e.Options(), time.Second, r.ProcessTask)
		require.NoError(t, s.Start())
		require.Error(t, s.Start(), "it can be started once")
		require.NoError(t, q.Enqueue(t.Context(), tasks("notice:send", 1)...))
		s.Stop()
		s.Stop()
		require.NoError(t, q.Close())
		e.Close()
	}
	require.Eventually(t, func() bool { return runtime.NumGoroutine() < before+5 }, patience, 20*time.Millisecond,
		"15 rounds; %s", goroutines{})
}

// goroutines prints all stacks, when a test fails.
type goroutines struct{}

func (goroutines) String() string {
	buf := make([]byte, 1<<20)
	return string(buf[:runtime.Stack(buf, true)])
}
