package clock_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/clock"
)

func TestPace_WaitsForItsReader(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	wall := start
	p := clock.NewPace(100*time.Millisecond, func() time.Time { return wall })
	for _, step := range []struct {
		passed time.Duration
		beat   bool
		shown  time.Duration
	}{
		{passed: 40 * time.Millisecond, shown: 40 * time.Millisecond},
		{passed: 50 * time.Millisecond, beat: true, shown: 90 * time.Millisecond},
		{passed: 5 * time.Second, shown: 190 * time.Millisecond},
		{passed: time.Second, beat: true, shown: 190 * time.Millisecond},
		{passed: 30 * time.Millisecond, shown: 220 * time.Millisecond},
		{passed: -time.Hour, shown: 190 * time.Millisecond},
	} {
		wall = wall.Add(step.passed)
		require.Equal(t, start.Add(step.shown), p.Now())
		if step.beat {
			p.Beat()
			require.Equal(t, start.Add(step.shown), p.Now(), "a beat moves no time")
		}
	}
}
