package queue

import (
	"sync"
	"time"

	"github.com/go-redis/redis_rate/v10"
	"golang.org/x/time/rate"
)

const (
	// alone is the part of the rate that a process takes while it can't know of the others.
	alone = 1.0 / 4
	// burstOf is how many calls may be made at once, in seconds of the rate: so few that a second with a burst in it is
	// still within Stripe's limit where the rate is a fifth below that.
	burstOf = 0.2
	// finer lets a rate have fractions, which the library's does not: so many calls in so many seconds.
	finer = 1000
)

// lane is one token bucket.
type lane struct {
	key  string
	full float64       // calls a second when Stripe does not complain
	turn chan struct{} // held by the one of this process that asks Redis

	mu    sync.Mutex
	last  pace          // as it was last seen
	local *rate.Limiter // for when Redis is away
}

func newLane(key string, perSecond int) *lane {
	return &lane{key: key, full: float64(perSecond), turn: make(chan struct{}, 1), local: rate.NewLimiter(0, 1)}
}

// paceKey is where Redis keeps the pace.
func (l *lane) paceKey() string { return l.key + ":pace" }

// limit is the bucket at a part of the full rate.
func (l *lane) limit(share float64) redis_rate.Limit {
	perSecond := l.full * share
	return redis_rate.Limit{Rate: int(perSecond * finer), Burst: burst(perSecond), Period: finer * time.Second}
}

func burst(perSecond float64) int { return max(int(perSecond*burstOf), 1) }

// learn notes the pace and returns it.
func (l *lane) learn(p pace) pace {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last = p
	return p
}

func (l *lane) known() pace {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last
}

// takeAlone takes a token of this process's own and returns 0, or says when to ask again.
func (l *lane) takeAlone(now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	perSecond := l.full * alone * l.last.now(now)
	l.local.SetLimitAt(now, rate.Limit(perSecond))
	l.local.SetBurstAt(now, burst(perSecond))
	if l.local.AllowN(now, 1) {
		return 0
	}
	return time.Duration(float64(time.Second) / perSecond)
}
