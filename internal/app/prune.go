package app

import (
	"context"
	"time"
)

const (
	// keepMessages is how long messages can be replayed.
	keepMessages = 30 * 24 * time.Hour
	pruneEvery   = 24 * time.Hour
	prunePause   = 10 * time.Second
)

// pruneMessages removes messages that are too old to be replayed.
func (p *periodicJobs) pruneMessages(ctx context.Context, cursor time.Time) (time.Time, error) {
	began, total := p.clock.Now(), 0
	for {
		n, err := p.store.PruneMessages(ctx, began.Add(-keepMessages))
		if total += n; err != nil {
			return cursor, err
		}
		if n == 0 {
			break
		}
	}
	if total > 0 {
		p.log.Info().Int("messages", total).Msg("old messages to endpoints removed")
	}
	return began, nil
}
