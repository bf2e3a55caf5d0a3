package notify

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
)

func TestFormatAmount(t *testing.T) {
	t.Parallel()
	tests := []struct {
		amount   int64
		currency billing.Currency
		locale   string
		want     string
	}{
		{33300, "gbp", "en-GB", "£333.00"},
		{33300, "usd", "en-US", "$333.00"},
		{33300, "usd", "en-GB", "US$333.00"},
		{123456789, "eur", "de-DE", "€1.234.567,89"},
		{123456789, "eur", "fr", "€1\u00a0234\u00a0567,89"},
		{123456789, "inr", "hi-IN", "₹12,34,567.89"},
		{33300, "jpy", "ja-JP", "￥33,300"},
		{33300, "jpy", "en-GB", "JP¥33,300"},
		{33300, "kwd", "en-GB", "KWD\u00a033.300"},
		{33300, "kwd", "ar-KW", "KWD\u00a033.300"},
		{105050, "idr", "en", "IDR\u00a01,050.50"}, // the locale data would round it
		{999999999999, "idr", "en", "IDR\u00a09,999,999,999.99"},
		{99999990, "kwd", "en", "KWD\u00a099,999.990"},
		{100000, "isk", "en", "ISK\u00a01,000.00"},
		{5000, "xaf", "fr", "FCFA\u00a05\u00a0000"},
		{50, "usd", "", "$0.50"},
		{50, "usd", "not a locale", "$0.50"},
		{50, "usd", "de_DE", "$0,50"},
		{50, "zzz", "en", "ZZZ\u00a00.50"},
		{50, "", "en", "0.50"},
		{-1, "gbp", "en", "-£0.01"},
		{0, "gbp", "en", "£0.00"},
	}
	for _, tt := range tests {
		require.Equal(t, tt.want, formatAmount(tt.amount, tt.currency, tt.locale), "%d %s %s", tt.amount, tt.currency, tt.locale)
	}
}
