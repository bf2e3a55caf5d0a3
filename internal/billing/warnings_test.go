package billing_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/money"
)

// TestWarnings_Rupees warns of the e-mandate that cards issued in India need, and of nothing else.
func TestWarnings_Rupees(t *testing.T) {
	t.Parallel()
	for currency, want := range map[money.Currency]int{"inr": 1, "usd": 0, "eur": 0, "": 0} {
		warnings := billing.Warnings(currency)
		require.Len(t, warnings, want, currency)
		for _, w := range warnings {
			require.Contains(t, w, "e-mandate")
		}
	}
}
