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
	// doorKey is where Redis keeps what belongs to a visitor.
	doorKey = "tranche:door:"
	// aloneRate is how many requests a second this process lets in from everybody together while Redis is away.
	aloneRate = 50
)

// Doorkeeper counts what comes from outside, by address and by token, in Redis and so for all processes together. While
// Redis is away each process counts everybody in one bucket: customers can still pay, and a flood can't get in. It is safe
// for concurrent use.
type Doorkeeper struct {
	redis   redis.UniversalClient
	buckets *redis_rate.Limiter
	alone   *rate.Limiter
	log     zerolog.Logger

	mu   sync.Mutex
	away time.Time // until when Redis is not asked
	wall func() time.Time
}

// NewDoorkeeper makes one. It does not connect yet; Close it at the end. wall is the real clock.
func NewDoorkeeper(opt asynq.RedisConnOpt, wall func() time.Time, log zerolog.Logger) (*Doorkeeper, error) {
	client, ok := opt.MakeRedisClient().(redis.UniversalClient)
	if !ok {
		return nil, fmt.Errorf("doorkeeper: %T opens no Redis client", opt)
	}
	return &Doorkeeper{
		redis: client, buckets: redis_rate.NewLimiter(client), alone: rate.NewLimiter(aloneRate, 2*aloneRate), wall: wall, log: log,
	}, nil
}

// Close ends the connections to Redis.
func (d *Doorkeeper) Close() error {
	if err := d.redis.Close(); err != nil {
		return fmt.Errorf("close doorkeeper: %w", err)
	}
	return nil
}

// Allow counts one request against a bucket, of which a minute holds so many, and says how long to wait when it is full; 0
// means come in.
func (d *Doorkeeper) Allow(ctx context.Context, bucket string, perMinute int) (wait time.Duration) {
	if !d.answers() {
		return d.allowAlone()
	}
	ask, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	r, err := d.buckets.Allow(ask, doorKey+bucket, redis_rate.PerMinute(perMinute))
	switch {
	case err != nil && ctx.Err() != nil:
		return 0 // who asked is gone
	case err != nil:
		d.gone(err)
		return d.allowAlone()
	case r.Allowed > 0:
		return 0
	}
	return max(r.RetryAfter, time.Second)
}

func (d *Doorkeeper) allowAlone() time.Duration {
	if d.alone.AllowN(d.wall(), 1) {
		return 0
	}
	return time.Second
}

func (d *Doorkeeper) answers() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return !d.wall().Before(d.away)
}

func (d *Doorkeeper) gone(err error) {
	d.mu.Lock()
	d.away = d.wall().Add(awayPause)
	d.mu.Unlock()
	d.log.Warn().Err(err).Msg("Redis does not answer: visitors of the recovery page are counted by this process alone")
}
