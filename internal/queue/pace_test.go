package queue

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestPaceHalvesAtOnceAndComesBackSlowly(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	after := func(seconds float64) time.Time { return start.Add(time.Duration(seconds * float64(time.Second))) }
	var full pace
	require.InDelta(t, 1, full.now(start), 1e-9)

	p := full.halved(start)
	require.InDelta(t, 0.5, p.now(start), 1e-9)
	require.Equal(t, p, p.halved(after(0.9)), "the calls that were under way met the same limit")
	require.InDelta(t, 0.5, p.now(after(-60)), 1e-9, "another process's clock is ahead")
	require.InDelta(t, 0.75, p.now(after(5)), 1e-9, "a twentieth of the full rate each second")
	require.InDelta(t, 1, p.now(after(10)), 1e-9)
	require.InDelta(t, 1, p.now(after(3600)), 1e-9)

	p = p.halved(after(5))
	require.InDelta(t, 0.375, p.now(after(5)), 1e-9)
	for second := range 60 {
		p = p.halved(after(float64(6 + second)))
	}
	require.InDelta(t, slowest, p.share, 1e-9, "it never stops")
	require.InDelta(t, 1, p.now(p.at.Add(paceLife)), 1e-9, "what Redis forgets has recovered")

	again, err := parsePace(p.String())
	require.NoError(t, err)
	require.InDelta(t, p.share, again.share, 0)
	require.True(t, p.at.Equal(again.at))
	for _, s := range []string{"", "1", "@", "0@1", "2@1", "NaN@1", "0.5@x"} {
		_, err := parsePace(s)
		require.Error(t, err, s)
	}
}
