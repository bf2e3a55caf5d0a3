package app

import (
	"context"
	"time"
)

const (
	// staleEvery is how often, in real time, stale leases are searched for.
	staleEvery = 10 * time.Minute
	// staleAfter is longer, in real time, than any due row is leased or deferred: a payment that
	// Stripe is processing is checked once an hour. A claim that lies further ahead was made with a
	// wrong clock.
	staleAfter = 2 * time.Hour
)

// releaseStaleLeases releases due rows that a process with a wrong clock claimed or deferred:
// charges, events, notices, deliveries and dunnings that could otherwise be claimed only hours or
// weeks from now.
func (p *periodicJobs) releaseStaleLeases(ctx context.Context, _ time.Time) (time.Time, error) {
	now := p.clock.Now()
	n, err := p.store.ReleaseClaims(ctx, now, now.Add(p.clock.Simulated(staleAfter)))
	if n > 0 {
		p.log.Warn().Int("rows", n).Msg("stale claims released that were made with a wrong clock")
	}
	return now, err
}
