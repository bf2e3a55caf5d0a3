package backfill_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/backfill"
	"tranche/internal/billing"
)

// TestSince reads again what the last sweep may have seen too early, and nothing older than Stripe
// keeps.
func TestSince(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	cursor := now.Add(-15 * time.Minute)
	require.Equal(t, cursor.Add(-time.Hour), backfill.Since(cursor, time.Time{}, now))
	require.Equal(t, now.Add(-3*time.Hour), backfill.Since(time.Time{}, now.Add(-2*time.Hour), now))
	require.Equal(t, now.Add(-billing.EventHistory), backfill.Since(time.Time{}, time.Time{}, now))
}
