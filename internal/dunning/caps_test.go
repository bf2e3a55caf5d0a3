package dunning_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"tranche/internal/billing"
	"tranche/internal/dunning"
)

const days = 24 * time.Hour

func TestAllowed_NetworkCaps(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		why, brand string
		declines   []time.Time
		wait       time.Duration
	}{
		{"Visa, one short", "visa", repeated(now.Add(-time.Hour), 19), 0},
		{"Visa, full", "visa", repeated(now.Add(-time.Hour), 20), 30*days - time.Hour},
		{"Visa, a day's worth does not count", "visa", repeated(now.Add(-time.Hour), 12), 0},
		{"Mastercard, a day's worth", "mastercard", repeated(now.Add(-time.Hour), 10), 23 * time.Hour},
		{"Mastercard, over the month", "mastercard", repeated(now.Add(-2*days), 35), 28 * days},
		{"Mastercard, over the month, one short", "mastercard", repeated(now.Add(-2*days), 34), 0},
		{"American Express", "amex", repeated(now.Add(-time.Hour), 15), 30*days - time.Hour},
		{"Discover", "discover", repeated(now.Add(-time.Hour), 14), 0},
		{"nobody knows", "", repeated(now.Add(-time.Hour), 15), 30*days - time.Hour},
		{"older declines do not count", "visa", repeated(now.Add(-30*days), 40), 0},
		{"the oldest in the window makes room", "visa", append(repeated(now.Add(-29*days), 1), repeated(now, 19)...), days},
	} {
		require.Equal(t, now.Add(tc.wait), dunning.Allowed(tc.brand, tc.declines, now), tc.why)
	}
}

func TestCaps_EachHasASource(t *testing.T) {
	t.Parallel()
	for _, c := range dunning.Caps() {
		require.NotEmpty(t, c.Source)
		require.Positive(t, c.Most)
		require.LessOrEqual(t, c.Window, dunning.CapWindow)
	}
}

func TestDecide_NeverExceedsACap(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		brand := rapid.SampledFrom([]string{"visa", "mastercard", "amex", ""}).Draw(rt, "brand")
		at := now
		var declines []time.Time
		for range 60 {
			at = at.Add(time.Duration(rapid.Int64Range(0, int64(2*days)).Draw(rt, "wait")))
			at = dunning.Allowed(brand, declines, at)
			declines = append(declines, at)
		}
		for _, c := range dunning.CapsOf(brand) {
			for i := c.Most; i < len(declines); i++ {
				require.False(rt, declines[i].Before(declines[i-c.Most].Add(c.Window)), "%d of %d", i, c.Most)
			}
		}
	})
}

func TestDecide_RetryBeyondCapIsDeferred(t *testing.T) {
	t.Parallel()
	h := happened(declined("insufficient_funds"), now)
	h.CardDeclines = append(repeated(now.Add(-20*days), 19), now)
	d := decide(policy, h)
	require.Equal(t, billing.ChargeRetrying, d.Status)
	require.False(t, d.NextAttemptAt.Before(now.Add(10*days)))
	require.Less(t, d.NextAttemptAt.Sub(now), 18*days, "on the next payday")
	require.Contains(t, d.Reason, "20 of 20 declines in 30 days allowed by visa")
	h.Deadline = now.Add(9 * days)
	d = decide(policy, h)
	require.Equal(t, billing.ChargeFailed, d.Status)
}

func TestRetry_AimsAtTheNetworksTime(t *testing.T) {
	t.Parallel()
	morning := time.Date(2026, 3, 27, 9, 0, 0, 0, time.UTC)
	for _, tc := range []struct {
		code string
		want string
	}{
		{"24", "Fri 27 Mar 2026 10:00"},
		{"25", "Sat 28 Mar 2026 09:00"},
		{"26", "Sun 29 Mar 2026 10:00"}, // 48 hours, across the change to summer time
		{"27", "Tue 31 Mar 2026 10:00"},
		{"28", "Thu 2 Apr 2026 10:00"},
		{"29", "Sat 4 Apr 2026 10:00"},
		{"30", "Mon 6 Apr 2026 10:00"},
	} {
		f := declined("insufficient_funds")
		f.NetworkAdviceCode = tc.code
		h := happened(f, morning)
		h.Brand = "mastercard"
		p := policy
		p.Jitter = 0
		d := decide(p, h)
		require.Equal(t, billing.ChargeRetrying, d.Status, tc.code)
		require.Equal(t, tc.want, d.NextAttemptAt.In(london).Format("Mon 2 Jan 2006 15:04"), tc.code)
		require.Contains(t, d.Reason, "the network advises: try again after", tc.code)
	}
}

func TestRetry_AdvisedTimeInQuietHours(t *testing.T) {
	t.Parallel()
	evening := time.Date(2026, 3, 25, 20, 30, 0, 0, time.UTC)
	f := declined("insufficient_funds")
	f.NetworkAdviceCode = "24"
	h := happened(f, evening)
	h.Brand = "mastercard"
	p := policy
	p.Jitter = 0
	require.Equal(t, "Thu 26 07:00", decide(p, h).NextAttemptAt.In(london).Format("Mon 02 15:04"))
	h.Deadline = evening.Add(time.Hour)
	require.Equal(t, billing.ChargeFailed, decide(p, h).Status, "the deadline comes first")
}
