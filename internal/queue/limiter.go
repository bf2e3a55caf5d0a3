package queue

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/go-redis/redis_rate/v10"
	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
	"github.com/rs/zerolog"

	"tranche/internal/billing"
	"tranche/internal/clock"
)

const (
	// DefaultPatience is how long a call waits for its turn when LimiterConfig says nothing.
	DefaultPatience = 20 * time.Second
	// askTimeout is how long Redis may take to say whether a call may be made.
	askTimeout = time.Second
	// awayPause is how long Redis is not asked again after it did not answer.
	awayPause = 5 * time.Second
	// laneKey is where Redis keeps what belongs to a lane.
	laneKey = "tranche:stripe:"
)

// LimiterConfig says how many calls to Stripe all processes together may make. The processes that share a Redis share
// the rates, and must be given the same.
type LimiterConfig struct {
	Redis         asynq.RedisConnOpt
	Reads, Writes int              // calls a second, at least 1
	Patience      time.Duration    // how long a call waits for its turn at most; 0 means DefaultPatience
	Wall          func() time.Time // the real clock; nil means time.Now
	Log           zerolog.Logger
}

// Limiter implements billing.Limiter: a token bucket for each lane, kept in Redis and common to all processes. While
// Redis is away each process falls back to a slower bucket of its own, so nothing waits for Redis. It is safe for
// concurrent use.
type Limiter struct {
	redis    redis.UniversalClient
	buckets  *redis_rate.Limiter
	lanes    map[billing.Lane]*lane
	patience time.Duration
	clock    clock.Clock
	log      zerolog.Logger

	mu        sync.Mutex
	awayUntil time.Time // zero while Redis answers
}

var _ billing.Limiter = (*Limiter)(nil)

// NewLimiter makes a limiter. It does not connect yet; Close it at the end.
func NewLimiter(c LimiterConfig) (*Limiter, error) {
	if c.Reads < 1 || c.Writes < 1 {
		return nil, errors.New("limiter: a rate is less than 1 a second")
	}
	client, ok := c.Redis.MakeRedisClient().(redis.UniversalClient)
	if !ok {
		return nil, fmt.Errorf("limiter: %T opens no Redis client", c.Redis)
	}
	if c.Patience <= 0 {
		c.Patience = DefaultPatience
	}
	return &Limiter{
		redis:   client,
		buckets: redis_rate.NewLimiter(client),
		lanes: map[billing.Lane]*lane{
			billing.LaneRead:  newLane(laneKey+string(billing.LaneRead), c.Reads),
			billing.LaneWrite: newLane(laneKey+string(billing.LaneWrite), c.Writes),
		},
		patience: c.Patience,
		clock:    clock.New(time.Time{}, 0, c.Wall),
		log:      c.Log,
	}, nil
}

// Close ends the connections to Redis.
func (l *Limiter) Close() error {
	if err := l.redis.Close(); err != nil {
		return fmt.Errorf("close limiter: %w", err)
	}
	return nil
}

// Wait implements billing.Limiter. The calls of one process wait in line, and one of them asks Redis at a time: many that
// asked together would all be told to come back at the same moment.
func (l *Limiter) Wait(ctx context.Context, name billing.Lane) error {
	lane := l.lanes[name]
	ctx, cancel := context.WithTimeoutCause(ctx, l.patience,
		fmt.Errorf("the turn of a %s did not come within %s: %w", name, l.patience, billing.ErrUnavailable))
	defer cancel()
	select {
	case lane.turn <- struct{}{}:
		defer func() { <-lane.turn }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	for {
		wait := l.take(ctx, lane)
		if wait == 0 {
			return nil
		}
		if err := sleep(ctx, wait); err != nil {
			return err
		}
	}
}

// sleep waits in real time, or until ctx is over.
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

// take takes a token and returns 0, or says when to ask again.
func (l *Limiter) take(ctx context.Context, lane *lane) time.Duration {
	if l.answers() {
		wait, err := l.takeShared(ctx, lane)
		if err == nil || ctx.Err() != nil {
			return wait
		}
		l.gone(err)
	}
	return lane.takeAlone(l.clock.Wall())
}

// takeShared asks Redis.
func (l *Limiter) takeShared(ctx context.Context, lane *lane) (time.Duration, error) {
	ask, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	p, err := l.pace(ask, lane)
	if err != nil {
		return askTimeout, err
	}
	r, err := l.buckets.Allow(ask, lane.key, lane.limit(p.now(l.clock.Wall())))
	switch {
	case err != nil:
		return askTimeout, err
	case r.Allowed > 0:
		return 0, nil
	}
	return max(r.RetryAfter, time.Millisecond), nil
}

// pace is how fast the lane is now, as all processes know it.
func (l *Limiter) pace(ctx context.Context, lane *lane) (pace, error) {
	text, err := l.redis.Get(ctx, lane.paceKey()).Result()
	if errors.Is(err, redis.Nil) {
		return lane.learn(pace{}), nil
	}
	if err != nil {
		return pace{}, err
	}
	p, err := parsePace(text)
	if err != nil { // somebody else's: as good as none
		return lane.learn(pace{}), nil //nolint:nilerr // see above
	}
	return lane.learn(p), nil
}

// Throttled implements billing.Limiter.
func (l *Limiter) Throttled(ctx context.Context, name billing.Lane) {
	lane := l.lanes[name]
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	now := l.clock.Wall()
	var err error
	if l.answers() {
		_, err = l.pace(ctx, lane)
	}
	before := lane.known()
	after := lane.learn(before.halved(now)) // also without Redis: then it is this process that slows down
	if after == before {
		return
	}
	// Two processes may do this at once; they write the same.
	if err == nil && l.answers() {
		err = l.redis.Set(ctx, lane.paceKey(), after.String(), paceLife).Err()
	}
	l.log.Warn().Str("lane", string(name)).Float64("per_second", lane.full*after.now(now)).AnErr("not_shared", err).
		Msg("Stripe says that calls are too many: slower")
}

// Rate is how many calls a second the lane takes now, for metrics. While Redis is away it is what this process remembers.
func (l *Limiter) Rate(ctx context.Context, name billing.Lane) float64 {
	lane := l.lanes[name]
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	p, err := l.pace(ctx, lane)
	if err != nil {
		p = lane.known()
	}
	return lane.full * p.now(l.clock.Wall())
}

// answers says whether Redis is to be asked.
func (l *Limiter) answers() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.clock.Wall().Before(l.awayUntil)
}

// gone notes that Redis did not answer.
func (l *Limiter) gone(err error) {
	l.mu.Lock()
	l.awayUntil = l.clock.Wall().Add(awayPause)
	l.mu.Unlock()
	l.log.Warn().Err(err).Msg("Redis does not answer: calls to Stripe are limited by this process alone, and slower")
}
