package stripelimit

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

const (
	// recovery is the part of the full rate that is regained with each second without a 429.
	recovery = 0.05
	// minShare is the smallest part of the full rate.
	minShare = 1.0 / 16
	// halvingPause is the least time between two halvings: calls in flight during the first one run
	// into the same limit.
	halvingPause = time.Second
	// rateTTL is how long Redis keeps a rate. Even the lowest rate has recovered by then.
	rateTTL = time.Minute
)

// rate is the share of a bucket's full rate that is used. A 429 halves the share at once, and the
// share grows back slowly. The zero rate is the full rate.
type rate struct {
	share float64   // at the last halving
	at    time.Time // of the last halving
}

// shareAt returns the share of the full rate at t, at most 1.
func (r rate) shareAt(t time.Time) float64 {
	if r.at.IsZero() {
		return 1
	}
	passed := max(t.Sub(r.at), 0) // negative if the clock of the process that wrote it is ahead
	return min(r.share+passed.Seconds()*recovery, 1)
}

// halved returns the rate after a 429 at t.
func (r rate) halved(t time.Time) rate {
	if !r.at.IsZero() && t.Sub(r.at) < halvingPause {
		return r
	}
	return rate{share: max(r.shareAt(t)/2, minShare), at: t}
}

// String formats the rate for parseRate.
func (r rate) String() string {
	return strconv.FormatFloat(r.share, 'g', -1, 64) + "@" + strconv.FormatInt(r.at.UnixMilli(), 10)
}

func parseRate(s string) (rate, error) {
	share, at, _ := strings.Cut(s, "@")
	f, errShare := strconv.ParseFloat(share, 64)
	ms, errAt := strconv.ParseInt(at, 10, 64)
	if errShare != nil || errAt != nil || !(f > 0 && f <= 1) {
		return rate{}, fmt.Errorf("rate %.40q: %w", s, errors.Join(errShare, errAt))
	}
	return rate{share: f, at: time.UnixMilli(ms)}, nil
}
