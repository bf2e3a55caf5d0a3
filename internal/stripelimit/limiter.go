package stripelimit

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/go-redis/redis_rate/v10"
	"github.com/redis/go-redis/v9"
	"github.com/rs/zerolog"

	"tranche/internal/billing"
	"tranche/internal/clock"
)

const (
	// DefaultMaxWait is how long a call waits for a token if Config.MaxWait is 0.
	DefaultMaxWait = 20 * time.Second
	// redisTimeout is how long Redis may take to answer.
	redisTimeout = time.Second
	// retryAfter is how long Redis is left alone after a failed request.
	retryAfter = 5 * time.Second
	// keyPrefix starts the Redis keys of each bucket.
	keyPrefix = "tranche:stripe:"
)

// Redis opens clients; asynq's RedisConnOpt is one.
type Redis interface{ MakeRedisClient() any }

// Config sets how many calls to Stripe all processes together may make. The processes that share a
// Redis share the rates and must be given the same ones.
type Config struct {
	Redis         Redis
	Reads, Writes int              // calls per second, at least 1
	MaxWait       time.Duration    // how long a call may wait for a token; 0 means DefaultMaxWait
	Wall          func() time.Time // the real clock; nil means time.Now
	Log           zerolog.Logger
}

// Limiter implements billing.Limiter, the rate limit for calls to Stripe: one token bucket for
// reads and one for writes, kept in Redis and shared by all processes. While Redis is down each
// process uses a slower bucket of its own, so that no call waits for Redis. It is safe for
// concurrent use.
type Limiter struct {
	redis   redis.UniversalClient
	tokens  *redis_rate.Limiter
	buckets map[billing.Bucket]*bucket
	maxWait time.Duration
	clock   clock.Clock
	log     zerolog.Logger

	mu      sync.Mutex
	retryAt time.Time // when to ask Redis again; zero while Redis answers
}

var _ billing.Limiter = (*Limiter)(nil)

// New makes a limiter. It does not connect yet. The caller closes it with Close.
func New(c Config) (*Limiter, error) {
	if c.Reads < 1 || c.Writes < 1 {
		return nil, errors.New("limiter: a rate is less than 1 per second")
	}
	client, ok := c.Redis.MakeRedisClient().(redis.UniversalClient)
	if !ok {
		return nil, fmt.Errorf("limiter: %T opens no Redis client", c.Redis)
	}
	if c.MaxWait <= 0 {
		c.MaxWait = DefaultMaxWait
	}
	return &Limiter{
		redis:  client,
		tokens: redis_rate.NewLimiter(client),
		buckets: map[billing.Bucket]*bucket{
			billing.ReadBucket:  newBucket(keyPrefix+string(billing.ReadBucket), c.Reads),
			billing.WriteBucket: newBucket(keyPrefix+string(billing.WriteBucket), c.Writes),
		},
		maxWait: c.MaxWait,
		clock:   clock.New(time.Time{}, 0, c.Wall),
		log:     c.Log,
	}, nil
}

// Close closes the connections to Redis.
func (l *Limiter) Close() error {
	if err := l.redis.Close(); err != nil {
		return fmt.Errorf("close limiter: %w", err)
	}
	return nil
}

// Wait implements billing.Limiter: it takes a token, and waits up to MaxWait for one. The calls of
// one process queue up and ask Redis one at a time: if many asked together, Redis would send them
// all back with the same delay.
func (l *Limiter) Wait(ctx context.Context, name billing.Bucket) error {
	b := l.buckets[name]
	ctx, cancel := context.WithTimeoutCause(ctx, l.maxWait,
		fmt.Errorf("rate limit: no token for a %s within %s: %w", name, l.maxWait, billing.ErrUnavailable))
	defer cancel()
	select {
	case b.turn <- struct{}{}:
		defer func() { <-b.turn }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	for {
		wait := l.take(ctx, b)
		if wait == 0 {
			return nil
		}
		if err := sleep(ctx, wait); err != nil {
			return err
		}
	}
}

// sleep waits in real time, or until ctx is done.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// take takes a token and returns 0, or returns how long to wait before asking again.
func (l *Limiter) take(ctx context.Context, b *bucket) time.Duration {
	if l.redisUp() {
		wait, err := l.takeShared(ctx, b)
		if err == nil || ctx.Err() != nil {
			return wait
		}
		l.markDown(err)
	}
	return b.takeLocal(l.clock.Wall())
}

// takeShared takes a token from the bucket in Redis.
func (l *Limiter) takeShared(ctx context.Context, b *bucket) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, redisTimeout)
	defer cancel()
	r, err := l.readRate(ctx, b)
	if err != nil {
		return redisTimeout, err
	}
	result, err := l.tokens.Allow(ctx, b.key, b.limit(r.shareAt(l.clock.Wall())))
	switch {
	case err != nil:
		return redisTimeout, err
	case result.Allowed > 0:
		return 0, nil
	}
	return max(result.RetryAfter, time.Millisecond), nil
}

// readRate reads the bucket's current rate from Redis.
func (l *Limiter) readRate(ctx context.Context, b *bucket) (rate, error) {
	text, err := l.redis.Get(ctx, b.rateKey()).Result()
	if errors.Is(err, redis.Nil) {
		return b.remember(rate{}), nil
	}
	if err != nil {
		return rate{}, err
	}
	r, err := parseRate(text)
	if err != nil { // not written by Tranche: ignored
		return b.remember(rate{}), nil //nolint:nilerr // see above
	}
	return b.remember(r), nil
}

// Throttled implements billing.Limiter: it halves the bucket's rate after a 429. Without Redis only
// this process slows down.
func (l *Limiter) Throttled(ctx context.Context, name billing.Bucket) {
	b := l.buckets[name]
	ctx, cancel := context.WithTimeout(ctx, redisTimeout)
	defer cancel()
	now := l.clock.Wall()
	var err error
	if l.redisUp() {
		_, err = l.readRate(ctx, b)
	}
	before := b.lastRate()
	after := b.remember(before.halved(now))
	if after == before {
		return
	}
	// Two processes that do this at the same time write the same value.
	if err == nil && l.redisUp() {
		err = l.redis.Set(ctx, b.rateKey(), after.String(), rateTTL).Err()
	}
	l.log.Warn().Str("bucket", string(name)).Float64("per_second", b.full*after.shareAt(now)).AnErr("not_shared", err).
		Msg("Stripe answered 429: request rate halved")
}

// Rate returns the bucket's current rate in calls per second, for metrics. While Redis is down it
// returns the rate that this process read last.
func (l *Limiter) Rate(ctx context.Context, name billing.Bucket) float64 {
	b := l.buckets[name]
	ctx, cancel := context.WithTimeout(ctx, redisTimeout)
	defer cancel()
	r, err := l.readRate(ctx, b)
	if err != nil {
		r = b.lastRate()
	}
	return b.full * r.shareAt(l.clock.Wall())
}

// redisUp reports whether to ask Redis.
func (l *Limiter) redisUp() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.clock.Wall().Before(l.retryAt)
}

// markDown leaves Redis alone for a while after a failed request.
func (l *Limiter) markDown(err error) {
	l.mu.Lock()
	l.retryAt = l.clock.Wall().Add(retryAfter)
	l.mu.Unlock()
	l.log.Warn().Err(err).Msg("Redis is not answering: this process limits its calls to Stripe alone, at a quarter of the rate")
}
