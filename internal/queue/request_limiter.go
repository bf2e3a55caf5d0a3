package queue

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/go-redis/redis_rate/v10"
	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
	"github.com/rs/zerolog"
	"golang.org/x/time/rate"
)

const (
	// requestKey starts the Redis keys of the buckets.
	requestKey = "tranche:requests:"
	// localRate is how many requests per second this process accepts from all clients together
	// while Redis is down.
	localRate = 50
	// allowTimeout is how long Redis may take to count a request.
	allowTimeout = time.Second
	// retryAfter is how long Redis is left alone after a failed request.
	retryAfter = 5 * time.Second
)

// RequestLimiter is the rate limit for requests from outside: the recovery page by address and by
// token, the API by address for wrong keys. All processes share its buckets in Redis. While Redis
// is down, each process counts all clients in one bucket: customers can still pay, and a flood is
// still refused. It is safe for concurrent use.
type RequestLimiter struct {
	redis  redis.UniversalClient
	tokens *redis_rate.Limiter
	local  *rate.Limiter
	log    zerolog.Logger

	mu      sync.Mutex
	retryAt time.Time // when to ask Redis again
	wall    func() time.Time
}

// NewRequestLimiter makes a limiter. It does not connect yet. The caller closes it with Close. wall
// is the real clock.
func NewRequestLimiter(opt asynq.RedisConnOpt, wall func() time.Time, log zerolog.Logger) (*RequestLimiter, error) {
	client, ok := opt.MakeRedisClient().(redis.UniversalClient)
	if !ok {
		return nil, fmt.Errorf("request limiter: %T opens no Redis client", opt)
	}
	return &RequestLimiter{
		redis: client, tokens: redis_rate.NewLimiter(client), local: rate.NewLimiter(localRate, 2*localRate), wall: wall, log: log,
	}, nil
}

// Close closes the connections to Redis.
func (l *RequestLimiter) Close() error {
	if err := l.redis.Close(); err != nil {
		return fmt.Errorf("close request limiter: %w", err)
	}
	return nil
}

// Allow counts one request against a bucket of perMinute requests. It returns 0 if the request is
// within the rate limit, else how long the client has to wait; handlers answer 429 with it.
func (l *RequestLimiter) Allow(ctx context.Context, bucket string, perMinute int) (wait time.Duration) {
	if !l.redisUp() {
		return l.allowLocal()
	}
	timed, cancel := context.WithTimeout(ctx, allowTimeout)
	defer cancel()
	r, err := l.tokens.Allow(timed, requestKey+bucket, redis_rate.PerMinute(perMinute))
	switch {
	case err != nil && ctx.Err() != nil:
		return 0 // the client is gone
	case err != nil:
		l.markDown(err)
		return l.allowLocal()
	case r.Allowed > 0:
		return 0
	}
	return max(r.RetryAfter, time.Second)
}

func (l *RequestLimiter) allowLocal() time.Duration {
	if l.local.AllowN(l.wall(), 1) {
		return 0
	}
	return time.Second
}

func (l *RequestLimiter) redisUp() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.wall().Before(l.retryAt)
}

func (l *RequestLimiter) markDown(err error) {
	l.mu.Lock()
	l.retryAt = l.wall().Add(retryAfter)
	l.mu.Unlock()
	l.log.Warn().Err(err).Msg("Redis is not answering: this process limits requests to the recovery page and with wrong API keys on its own")
}
