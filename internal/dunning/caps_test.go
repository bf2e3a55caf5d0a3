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

func TestCapsOfTheNetworks(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		why, brand string
		declines   []time.Time
		wait       time.Duration
	}{
		{"Visa, one short", "visa", repeated(now.Add(-time.Hour), 14), 0},
		{"Visa, full", "visa", repeated(now.Add(-time.Hour), 15), 30*days - time.Hour},
		{"Visa, a day's worth is no matter", "visa", repeated(now.Add(-time.Hour), 12), 0},
		{"Mastercard, a day's worth", "mastercard", repeated(now.Add(-time.Hour), 10), 23 * time.Hour},
		{"Mastercard, over the month", "mastercard", repeated(now.Add(-2*days), 35), 28 * days},
		{"Mastercard, over the month, one short", "mastercard", repeated(now.Add(-2*days), 34), 0},
		{"American Express", "amex", repeated(now.Add(-time.Hour), 15), 30*days - time.Hour},
		{"Discover", "discover", repeated(now.Add(-time.Hour), 14), 0},
		{"nobody knows", "", repeated(now.Add(-time.Hour), 15), 30*days - time.Hour},
		{"what is older counts for nothing", "visa", repeated(now.Add(-30*days), 40), 0},
		{"the oldest in the window makes room", "visa", append(repeated(now.Add(-29*days), 1), repeated(now, 14)...), days},
	} {
		require.Equal(t, now.Add(tc.wait), dunning.Allowed(tc.brand, tc.declines, now), tc.why)
	}
}

func TestEveryCapNamesItsSource(t *testing.T) {
	t.Parallel()
	for _, c := range dunning.Caps() {
		require.NotEmpty(t, c.Source)
		require.Positive(t, c.Most)
		require.LessOrEqual(t, c.Window, dunning.CapWindow)
	}
}

func TestNoAttemptGoesBeyondACap(t *testing.T) {
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

func TestARetryBeyondACapIsPutOffAndSaysWhy(t *testing.T) {
	t.Parallel()
	h := happened(declined("insufficient_funds"), now)
	h.CardDeclines = append(repeated(now.Add(-20*days), 14), now)
	d := decide(policy, h)
	require.Equal(t, billing.ChargeRetrying, d.Status)
	require.False(t, d.NextAttemptAt.Before(now.Add(10*days)))
	require.Less(t, d.NextAttemptAt.Sub(now), 18*days, "on the next payday")
	require.Contains(t, d.Reason, "15 of 15 declines in 30 days allowed by visa")
	h.Deadline = now.Add(9 * days)
	d = decide(policy, h)
	require.Equal(t, billing.ChargeFailed, d.Status)
}

func TestARetryIsNotBeforeTheAdvice(t *testing.T) {
	t.Parallel()
	f := declined("insufficient_funds")
	f.NetworkAdviceCode = "30"
	h := happened(f, now)
	h.Brand = "mastercard"
	d := decide(policy, h)
	require.Equal(t, billing.ChargeRetrying, d.Status)
	require.False(t, d.NextAttemptAt.Before(now.Add(10*days)))
	require.Contains(t, d.Reason, "try again after 10 days")
}
