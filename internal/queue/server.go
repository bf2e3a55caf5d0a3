package queue

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/hibiken/asynq"
	"github.com/rs/zerolog"
)

const (
	// taskCheck is how often an idle queue is polled. With 50 ms, a task starts after 22 ms on
	// average, at a cost of 1 % of a core.
	taskCheck = 50 * time.Millisecond
	// delayedCheck is how late a delayed task may start. asynq sets no lower bound.
	delayedCheck = time.Second

	firstRetry = time.Second
	lastRetry  = time.Minute
)

// ServerConfig configures how tasks are run.
type ServerConfig struct {
	Redis             asynq.RedisConnOpt
	ShortConcurrency  int // events and notices in progress at once, at least 1
	ChargeConcurrency int // charges in progress at once, at least 1
	// WebhookConcurrency is how many messages to the merchant's endpoints are in progress at once.
	// With 0, this server sends none.
	WebhookConcurrency int
	ShutdownTimeout    time.Duration // how long Stop waits for tasks; longer than the longest call in a task
	Log                zerolog.Logger
}

// Server runs tasks. Short tasks and slow calls have separate servers: with shared slots, an event
// would wait until a charge is done, even with a high weight.
type Server struct {
	servers []*asynq.Server
	handler asynq.Handler
}

// NewServer makes a server that runs tasks through handler. It does not connect yet.
func NewServer(c ServerConfig, handler asynq.Handler) (*Server, error) {
	switch {
	case handler == nil:
		return nil, errors.New("queue server: no handler")
	case c.ShortConcurrency < 1 || c.ChargeConcurrency < 1:
		return nil, errors.New("queue server: concurrency is less than 1")
	case c.ShutdownTimeout <= 0:
		return nil, errors.New("queue server: shutdown timeout is not positive")
	}
	short := asynq.NewServer(c.Redis, c.asynq(c.ShortConcurrency, map[string]int{Events: 6, Notices: 3}))
	slow := asynq.NewServer(c.Redis, c.asynq(c.ChargeConcurrency, map[string]int{Charges: 6, Retries: 3}))
	servers := []*asynq.Server{short, slow}
	if c.WebhookConcurrency > 0 { // separate slots: endpoints may be slow, and nothing else waits for them
		servers = append(servers, asynq.NewServer(c.Redis, c.asynq(c.WebhookConcurrency, map[string]int{Webhooks: 1})))
	}
	return &Server{servers: servers, handler: handler}, nil
}

func (c ServerConfig) asynq(concurrency int, queues map[string]int) asynq.Config {
	return asynq.Config{
		Concurrency:              concurrency,
		Queues:                   queues,
		TaskCheckInterval:        taskCheck,
		DelayedTaskCheckInterval: delayedCheck,
		ShutdownTimeout:          c.ShutdownTimeout,
		RetryDelayFunc:           retryDelay,
		ErrorHandler:             asynq.ErrorHandlerFunc(c.logFailure),
		Logger:                   asynqLog{c.Log},
		LogLevel:                 asynq.DebugLevel, // the zerolog logger decides
	}
}

// Start starts to run tasks and returns. A server can be started once. While Redis can't be
// reached, it keeps trying.
func (s *Server) Start() error {
	for _, server := range s.servers {
		if err := server.Start(s.handler); err != nil {
			s.Stop()
			return fmt.Errorf("start queue server: %w", err)
		}
	}
	return nil
}

// Stop starts no more tasks, waits up to the shutdown timeout for running tasks, returns unfinished
// ones to the queue, and closes the connections. It may be called more than once.
func (s *Server) Stop() {
	var wg sync.WaitGroup
	for _, server := range s.servers {
		wg.Go(server.Shutdown)
	}
	wg.Wait()
}

// retryDelay returns how long a failed task waits: a second, doubled each time up to a minute, less
// up to half at random. A task whose worker died runs again at once, because it has waited for its
// lease.
func retryDelay(retried int, err error, _ *asynq.Task) time.Duration {
	if errors.Is(err, asynq.ErrLeaseExpired) {
		return 0
	}
	delay := lastRetry
	if retried >= 0 && retried < 6 {
		delay = firstRetry << retried
	}
	return delay - rand.N(delay/2) //nolint:gosec // jitter is no secret
}

// logFailure logs a task that failed and will be run again.
func (c ServerConfig) logFailure(ctx context.Context, task *asynq.Task, err error) {
	id, _ := asynq.GetTaskID(ctx)
	retried, _ := asynq.GetRetryCount(ctx)
	c.Log.Warn().Err(err).Str("task", task.Type()).Str("task_id", id).Int("retried", retried).Msg("task failed")
}
