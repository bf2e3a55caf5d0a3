package terms_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tranche/internal/money"
	"tranche/internal/terms"
)

// TestWarnings_Rupees warns of the e-mandate that cards issued in India need, and of nothing else.
func TestWarnings_Rupees(t *testing.T) {
	t.Parallel()
	for currency, want := range map[money.Currency]int{"inr": 1, "usd": 0, "eur": 0, "": 0} {
		warnings := terms.Warnings(currency)
		require.Len(t, warnings, want, currency)
		for _, w := range warnings {
			require.Contains(t, w, "e-mandate")
		}
	}
}
