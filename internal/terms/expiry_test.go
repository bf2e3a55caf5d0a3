package terms_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/terms"
)

// TestTerms_ExpiresAfter reads spans, and refuses those that are out of bounds.
func TestTerms_ExpiresAfter(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 28, 12, 0, 0, 0, time.UTC) // the day before clocks change in London
	terms := terms.Terms{
		Reference: "order-1", Kind: billing.KindInstallments, Currency: "usd", Total: 2000, Parts: 2, Every: "1 month",
		Customer: terms.Customer{Reference: "ada", TimeZone: "Europe/London"},
	}
	for span, want := range map[string]time.Duration{
		"hour": time.Hour, "2 hours": 2 * time.Hour, "8784 hours": 366 * 24 * time.Hour, "1 day": 24 * time.Hour, "2 days": 47 * time.Hour, "1 year": 365 * 24 * time.Hour,
	} {
		terms.ExpiresAfter = span
		_, err := terms.Draft(now, billing.Rules{})
		require.NoError(t, err, span)
		require.Equal(t, want, terms.ExpiresAt(now).Sub(now).Round(time.Hour), span)
	}
	for span, want := range map[string]string{
		"0 hours": "is \"0 hours\"; use 1 hour at least and 366 days at most", "8785 hours": "366 days at most", "2 years": "366 days at most",
		"99999 hours": "is not a span", "-1 hours": "is not a span", "soon": "is not a span", "5 minutes": "is not a span", " ": "is not a span",
	} {
		terms.ExpiresAfter = span
		_, err := terms.Draft(now, billing.Rules{})
		require.ErrorContains(t, err, "expires_after", span)
		require.ErrorContains(t, err, want, span)
	}
	terms.ExpiresAfter, terms.Card = "1 day", "default"
	_, err := terms.Draft(now, billing.Rules{})
	require.ErrorContains(t, err, "expires_after: does not go with card")
}
