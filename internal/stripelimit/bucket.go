package stripelimit

import (
	"sync"
	"time"

	"github.com/go-redis/redis_rate/v10"
	xrate "golang.org/x/time/rate"
)

const (
	// localShare is the part of the full rate that a process uses while Redis is down, because it
	// cannot know what the other processes use.
	localShare = 1.0 / 4
	// burstSeconds is the size of a burst, in seconds of the rate. It is small enough that a second
	// with a burst in it stays within Stripe's limit if the rate is a fifth below that limit.
	burstSeconds = 0.2
	// periodSeconds allows fractional rates: redis_rate counts whole calls, so the bucket counts the
	// calls of this many seconds.
	periodSeconds = 1000
)

// bucket is one token bucket. Redis holds its tokens and its current rate.
type bucket struct {
	key  string
	full float64       // calls per second while Stripe answers no call with 429
	turn chan struct{} // held by the goroutine of this process that asks Redis

	mu    sync.Mutex
	last  rate           // as last read or written
	local *xrate.Limiter // used while Redis is down
}

func newBucket(key string, perSecond int) *bucket {
	return &bucket{key: key, full: float64(perSecond), turn: make(chan struct{}, 1), local: xrate.NewLimiter(0, 1)}
}

// rateKey is the Redis key of the current rate.
func (b *bucket) rateKey() string { return b.key + ":rate" }

// limit is the bucket's limit at a share of the full rate, in redis_rate's terms.
func (b *bucket) limit(share float64) redis_rate.Limit {
	perSecond := b.full * share
	return redis_rate.Limit{Rate: int(perSecond * periodSeconds), Burst: burst(perSecond), Period: periodSeconds * time.Second}
}

func burst(perSecond float64) int { return max(int(perSecond*burstSeconds), 1) }

// remember stores the rate as the last known one and returns it.
func (b *bucket) remember(r rate) rate {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.last = r
	return r
}

// lastRate returns the last known rate.
func (b *bucket) lastRate() rate {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.last
}

// takeLocal takes a token from the bucket of this process and returns 0, or returns how long to
// wait before asking again.
func (b *bucket) takeLocal(now time.Time) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	perSecond := b.full * localShare * b.last.shareAt(now)
	b.local.SetLimitAt(now, xrate.Limit(perSecond))
	b.local.SetBurstAt(now, burst(perSecond))
	if b.local.AllowN(now, 1) {
		return 0
	}
	return time.Duration(float64(time.Second) / perSecond)
}
