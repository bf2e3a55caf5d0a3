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

// Recorder keeps the newest few lines of text in Redis, common to all processes. It is safe for
// concurrent use.
type Recorder struct {
	redis redis.UniversalClient
	key   string
	max   int64
	away  atomic.Int64 // until when Redis is not asked, in Unix milliseconds
}

// recordTimeout is how long Redis may take to keep a line.
const recordTimeout = 500 * time.Millisecond

// NewRecorder makes one that keeps max lines under a name. It does not connect yet; Close it at the
// end.
func NewRecorder(opt asynq.RedisConnOpt, name string, lines int) (*Recorder, error) {
	client, ok := opt.MakeRedisClient().(redis.UniversalClient)
	if !ok {
		return nil, fmt.Errorf("recorder: %T opens no Redis client", opt)
	}
	return &Recorder{redis: client, key: "tranche:" + name, max: int64(lines)}, nil
}

var errAway = errors.New("redis did not answer a moment ago")

// Add keeps a line, in one round trip.
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
		r.away.Store((clock.Clock{}).Wall().Add(retryAfter).UnixMilli()) // others need not wait for it
	}
	return err
}

// Lines returns what is kept, newest first.
func (r *Recorder) Lines(ctx context.Context) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, recordTimeout)
	defer cancel()
	return r.redis.LRange(ctx, r.key, 0, r.max-1).Result()
}

// Remove forgets lines.
func (r *Recorder) Remove(ctx context.Context, lines ...string) error {
	pipe := r.redis.Pipeline()
	for _, line := range lines {
		pipe.LRem(ctx, r.key, 0, line)
	}
	_, err := pipe.Exec(ctx)
	return err
}

// Close ends the connections.
func (r *Recorder) Close() error { return r.redis.Close() }
