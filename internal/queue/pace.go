package queue

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

const (
	// recovery is the part of the full rate that comes back with each second in which Stripe did not complain.
	recovery = 0.05
	// slowest is the least part of the full rate that is used.
	slowest = 1.0 / 16
	// halvingPause is how long one halving stands alone: the calls that were under way with it meet the same limit.
	halvingPause = time.Second
	// paceLife is how long a pace is kept. The slowest has long recovered by then.
	paceLife = time.Minute
)

// pace is which part of the full rate is used. It is halved at once when Stripe says that calls are too many, and comes
// back slowly. The zero pace is the full rate.
type pace struct {
	share float64   // at that time
	at    time.Time // of the last halving
}

// now is the part of the full rate at a time, at most 1.
func (p pace) now(t time.Time) float64 {
	if p.at.IsZero() {
		return 1
	}
	passed := max(t.Sub(p.at), 0) // below zero where another process's clock is ahead of ours
	return min(p.share+passed.Seconds()*recovery, 1)
}

// halved is the pace after a complaint.
func (p pace) halved(t time.Time) pace {
	if !p.at.IsZero() && t.Sub(p.at) < halvingPause {
		return p
	}
	return pace{share: max(p.now(t)/2, slowest), at: t}
}

// String writes a pace as parsePace reads it.
func (p pace) String() string {
	return strconv.FormatFloat(p.share, 'g', -1, 64) + "@" + strconv.FormatInt(p.at.UnixMilli(), 10)
}

func parsePace(s string) (pace, error) {
	share, at, _ := strings.Cut(s, "@")
	f, errShare := strconv.ParseFloat(share, 64)
	ms, errAt := strconv.ParseInt(at, 10, 64)
	if errShare != nil || errAt != nil || !(f > 0 && f <= 1) {
		return pace{}, fmt.Errorf("pace %.40q: %w", s, errors.Join(errShare, errAt))
	}
	return pace{share: f, at: time.UnixMilli(ms)}, nil
}
