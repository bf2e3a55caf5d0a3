package sqlite_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/store/sqlite"
)

// TestAScratchIsCopiedWithAllThatItHolds and a change of the copy does not show in what it was
// copied from.
func TestAScratchIsCopiedWithAllThatItHolds(t *testing.T) {
	t.Parallel()
	first, err := sqlite.NewScratch(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, first.Close()) })
	now := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	add := func(s *sqlite.Scratch, reference string) {
		require.NoError(t, s.Update(t.Context(), func(tx billing.Tx) error {
			return tx.InsertCustomer(t.Context(), billing.Customer{ID: billing.NewCustomerID(now), Reference: reference, CreatedAt: now, UpdatedAt: now})
		}))
	}
	add(first, "ada")
	image, err := first.Image(t.Context())
	require.NoError(t, err)
	second, err := sqlite.ScratchOf(t.Context(), image)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, second.Close()) })
	add(second, "grace")
	for _, reference := range []string{"ada", "grace"} {
		_, err = second.CustomerByReference(t.Context(), reference)
		require.NoError(t, err)
	}
	_, err = first.CustomerByReference(t.Context(), "grace")
	require.ErrorIs(t, err, billing.ErrNotFound)
}
