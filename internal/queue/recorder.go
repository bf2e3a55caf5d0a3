package queue

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"tranche/internal/clock"
)

// Recorder keeps the newest lines of text in Redis, shared by all processes. It is safe for
// concurrent use.
type Recorder struct {
	redis redis.UniversalClient
	key   string
	max   int64
	away  atomic.Int64 // when to ask Redis again, in Unix milliseconds
}

// recordTimeout is how long Redis may take to store a line.
const recordTimeout = 500 * time.Millisecond

// NewRecorder makes a recorder that keeps a number of lines under a name. It does not connect yet.
// The caller closes it with Close.
func NewRecorder(opt asynq.RedisConnOpt, name string, lines int) (*Recorder, error) {
	client, ok := opt.MakeRedisClient().(redis.UniversalClient)
	if !ok {
		return nil, fmt.Errorf("recorder: %T opens no Redis client", opt)
	}
	return &Recorder{redis: client, key: "tranche:" + name, max: int64(lines)}, nil
}

var errAway = errors.New("redis did not answer shortly before")

// Add stores a line, in one round trip.
func (r *Recorder) Add(ctx context.Context, line string) error {
	if (clock.Clock{}).Wall().UnixMilli() < r.away.Load() {
		return errAway
	}
	ctx, cancel := context.WithTimeout(ctx, recordTimeout)
	defer cancel()
	pipe := r.redis.Pipeline()
	pipe.LPush(ctx, r.key, line)
	pipe.LTrim(ctx, r.key, 0, r.max-1)
	_, err := pipe.Exec(ctx)
	if err != nil {
		r.away.Store((clock.Clock{}).Wall().Add(retryAfter).UnixMilli()) // so that other callers need not wait for Redis
	}
	return err
}

// Lines returns the stored lines, newest first.
func (r *Recorder) Lines(ctx context.Context) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, recordTimeout)
	defer cancel()
	return r.redis.LRange(ctx, r.key, 0, r.max-1).Result()
}

// Remove deletes lines.
func (r *Recorder) Remove(ctx context.Context, lines ...string) error {
	pipe := r.redis.Pipeline()
	for _, line := range lines {
		pipe.LRem(ctx, r.key, 0, line)
	}
	_, err := pipe.Exec(ctx)
	return err
}

// Close closes the connections to Redis.
func (r *Recorder) Close() error { return r.redis.Close() }
