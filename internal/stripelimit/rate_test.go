package stripelimit

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestRate_HalvesAndRecovers(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	after := func(seconds float64) time.Time { return start.Add(time.Duration(seconds * float64(time.Second))) }
	var full rate
	require.InDelta(t, 1, full.shareAt(start), 1e-9)

	r := full.halved(start)
	require.InDelta(t, 0.5, r.shareAt(start), 1e-9)
	require.Equal(t, r, r.halved(after(0.9)), "calls in flight hit the same limit")
	require.InDelta(t, 0.5, r.shareAt(after(-60)), 1e-9, "another process's clock is ahead")
	require.InDelta(t, 0.75, r.shareAt(after(5)), 1e-9, "a twentieth of the full rate each second")
	require.InDelta(t, 1, r.shareAt(after(10)), 1e-9)
	require.InDelta(t, 1, r.shareAt(after(3600)), 1e-9)

	r = r.halved(after(5))
	require.InDelta(t, 0.375, r.shareAt(after(5)), 1e-9)
	for second := range 60 {
		r = r.halved(after(float64(6 + second)))
	}
	require.InDelta(t, minShare, r.share, 1e-9, "it never stops")
	require.InDelta(t, 1, r.shareAt(r.at.Add(rateTTL)), 1e-9, "a rate that expires in Redis has recovered")

	again, err := parseRate(r.String())
	require.NoError(t, err)
	require.InDelta(t, r.share, again.share, 0)
	require.True(t, r.at.Equal(again.at))
	for _, s := range []string{"", "1", "@", "0@1", "2@1", "NaN@1", "0.5@x"} {
		_, err := parseRate(s)
		require.Error(t, err, s)
	}
}
