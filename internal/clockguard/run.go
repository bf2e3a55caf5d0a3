package clockguard

import (
	"context"
	"time"

	"tranche/internal/clock"
)

// Run compares the clock about once a minute, at once after it was set, and every few seconds while
// it is wrong, until ctx ends. It logs when this process stops taking part, and when it resumes.
func (g *Guard) Run(ctx context.Context) {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	var said report
	for {
		if g.due() {
			g.Measure(ctx)
		}
		said = g.report(said)
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// due reports whether it is time to measure.
func (g *Guard) due() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.noticeStep()
	return g.Clock.Since(g.measured) >= g.pace()
}

// report is the last logged state, and when it was logged.
type report struct {
	fault string
	at    clock.Instant
}

// report logs a change at once, and a lasting fault every ten minutes.
func (g *Guard) report(said report) report {
	err := g.Wrong()
	switch {
	case err == nil && said.fault != "":
		g.Log.Info().Msg("the clock is right again: this process takes part")
		return report{}
	case err == nil:
		return said
	case said.fault != "" && g.Clock.Since(said.at) < repeatAfter:
		return said
	}
	g.Log.Error().Err(err).Msg("nothing is claimed, charged, handled or sent by this process: set the machine's clock by NTP")
	return report{err.Error(), g.Clock.Instant()}
}
