package app

import (
	"context"
	"time"

	"github.com/rs/zerolog"

	"tranche/scheduler"
)

const (
	// staleEvery is how often, in real time, due rows that sleep too long are looked for.
	staleEvery = 10 * time.Minute
	// staleAfter is longer, in real time, than any due row is left to a worker or put off: a
	// payment that Stripe processes is looked at once an hour. What sleeps longer was put to sleep
	// by a wrong clock.
	staleAfter = 2 * time.Hour
)

// staleLeases wakes what a process with a wrong clock put to sleep: charges, events, notices,
// deliveries and dunnings that are due and would wake hours or weeks from now.
func (a *App) staleLeases(log zerolog.Logger) scheduler.Chore {
	return scheduler.Chore{Name: "stale_leases", Every: a.clock.Simulated(staleEvery), Pause: staleEvery, Run: func(ctx context.Context, _ time.Time) (time.Time, error) {
		now := a.clock.Now()
		n, err := a.store.ReleaseClaims(ctx, now, now.Add(a.clock.Simulated(staleAfter)))
		if n > 0 {
			log.Warn().Int("rows", n).Msg("due rows woken that a wrong clock had put to sleep")
		}
		return now, err
	}}
}
