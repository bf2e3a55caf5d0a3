package clock_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/clock"
)

func TestClockRunsFromItsEpochAtItsRate(t *testing.T) {
	t.Parallel()
	epoch := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	wall := epoch
	c := clock.New(epoch, 86400, func() time.Time { return wall })

	require.Equal(t, epoch, c.Now())
	wall = epoch.Add(90 * time.Second)
	require.Equal(t, epoch.AddDate(0, 0, 90), c.Now())
	require.Equal(t, wall, c.Wall())
	require.Equal(t, 24*time.Hour, c.Simulated(time.Second))
	require.Equal(t, 2*time.Second, c.Until(c.Now().Add(48*time.Hour)))
	require.Zero(t, c.Until(c.Now().Add(-time.Hour)))
}

func TestZeroClockIsTheRealOne(t *testing.T) {
	t.Parallel()
	var c clock.Clock
	before := time.Now().Add(-time.Millisecond)
	require.False(t, c.Now().Before(before.Truncate(time.Millisecond)))
	require.Equal(t, time.Minute, c.Simulated(time.Minute))
	require.Empty(t, c.String())
}

func TestParse(t *testing.T) {
	t.Parallel()
	for in, fault := range map[string]string{
		"":                               "",
		"2026-01-01T00:00:00Z@86400":     "",
		"2026-01-01T00:00:00+02:00@2.5":  "",
		"2026-01-01@86400":               "epoch",
		"2026-01-01T00:00:00Z":           "rate",
		"2026-01-01T00:00:00Z@0":         "rate",
		"2026-01-01T00:00:00Z@-5":        "rate",
		"2026-01-01T00:00:00Z@NaN":       "rate",
		"2026-01-01T00:00:00Z@500000000": "rate",
	} {
		c, err := clock.Parse(in)
		if fault != "" {
			require.ErrorContains(t, err, fault, in)
			continue
		}
		require.NoError(t, err, in)
		again, err := clock.Parse(c.String())
		require.NoError(t, err, in)
		require.Equal(t, c.String(), again.String(), "a clock is read back as it was written")
	}
}

func TestSince_LongerOfBothClocks(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for name, tc := range map[string]struct {
		wall, mono, since, step time.Duration
	}{
		"both run on":                       {time.Second, time.Second, time.Second, 0},
		"the wall clock is set back":        {-time.Hour, time.Second, time.Second, -time.Hour - time.Second},
		"the wall clock is set ahead":       {time.Hour, time.Second, time.Hour, time.Hour - time.Second},
		"the monotonic clock stood still":   {time.Hour, 0, time.Hour, time.Hour},
		"suspended, and the clock set back": {-time.Minute, 10 * time.Minute, 10 * time.Minute, -11 * time.Minute},
	} {
		wall, mono := start, time.Duration(0)
		c := clock.New(time.Time{}, 0, func() time.Time { return wall }).WithMonotonic(func() time.Duration { return mono })
		before := c.Instant()
		wall, mono = wall.Add(tc.wall), tc.mono
		require.Equal(t, tc.since, c.Since(before), name)
		require.Equal(t, tc.step, c.Step(before), name)
	}
}
