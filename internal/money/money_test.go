package money_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"tranche/internal/money"
)

// everyDecimals has a currency of each sort: two, no and three decimals, and two that must be 00.
var everyDecimals = []money.Currency{"usd", "eur", "jpy", "kwd", "isk", "ugx"}

func TestSplitAddsUpAndDiffersOnlyInTheFirstPart(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c := rapid.SampledFrom(everyDecimals).Draw(t, "currency")
		parts := rapid.IntRange(1, 500).Draw(t, "parts")
		total := rapid.Int64Range(1, 99_999_999).Draw(t, "total") / 100 * 100 // a multiple of every step
		amounts := money.Split(total, parts, c)

		var sum int64
		for _, a := range amounts {
			sum += a
		}
		require.Len(t, amounts, parts)
		require.Equal(t, total, sum)
		for _, a := range amounts[1:] {
			require.Equal(t, amounts[len(amounts)-1], a, "all but the first are equal")
			require.LessOrEqual(t, a, amounts[0])
		}
		switch c {
		case "kwd":
			require.Zero(t, amounts[0]%10)
		case "isk", "ugx":
			require.Zero(t, amounts[0]%100)
		}
	})
}

func TestSplitPutsTheRemainderOnTheFirstPart(t *testing.T) {
	t.Parallel()
	require.Equal(t, []int64{33334, 33333, 33333}, money.Split(100000, 3, "usd"))
	require.Equal(t, []int64{25003, 25000, 25000, 25000}, money.Split(100003, 4, "usd"))
	require.Equal(t, []int64{340, 330, 330}, money.Split(1000, 3, "kwd"), "Stripe wants the last of three decimals to be 0")
	require.Equal(t, []int64{400, 300, 300}, money.Split(1000, 3, "isk"))
}

func TestFormatAmount(t *testing.T) {
	t.Parallel()
	for want, in := range map[string]struct {
		amount   int64
		currency money.Currency
	}{
		"1000.01 USD": {100001, "usd"}, "0.05 USD": {5, "usd"}, "-3.50 EUR": {-350, "eur"},
		"1500 JPY": {1500, "jpy"}, "1.250 KWD": {1250, "kwd"}, "0.00 USD": {0, "usd"},
	} {
		require.Equal(t, want, money.FormatAmount(in.amount, in.currency))
	}
}

func TestKnownCurrencies(t *testing.T) {
	t.Parallel()
	for _, c := range everyDecimals {
		require.True(t, c.Known(), c)
	}
	for _, c := range []money.Currency{"", "USD", "xxx", "dollars"} {
		require.False(t, c.Known(), c)
	}
}

func FuzzSplit(f *testing.F) {
	f.Add(int64(100000), 3, "usd")
	f.Add(int64(1), 500, "kwd")
	f.Add(int64(99_999_999), 7, "isk")
	f.Fuzz(func(t *testing.T, total int64, parts int, currency string) {
		if parts < 1 || parts > 500 || total < 0 {
			return // outside what Terms lets through
		}
		var sum int64
		for _, a := range money.Split(total, parts, money.Currency(currency)) {
			sum += a
		}
		require.Equal(t, total, sum)
	})
}
