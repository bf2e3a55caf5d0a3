package app_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"tranche/config"
	"tranche/internal/app"
	"tranche/internal/billing"
	"tranche/internal/store/open"
)

// TestADatabaseIsOpenedToReadAndLeftAsItIs requires that the database is neither created nor
// migrated.
func TestADatabaseIsOpenedToReadAndLeftAsItIs(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "tranche.db")
	cfg := config.Config{DatabaseURL: "sqlite:" + path}
	empty, err := app.OpenToRead(t.Context(), cfg)
	require.NoError(t, err)
	plans, err := empty.Plans(t.Context(), billing.PlanFilter{})
	require.NoError(t, err)
	require.Empty(t, plans)
	require.NoError(t, empty.Close())
	require.NoFileExists(t, path)

	old, err := open.Store(t.Context(), cfg.DatabaseURL, open.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, old.Close()) })
	_, _, err = old.MigrateTo(t.Context(), 3)
	require.NoError(t, err)
	_, err = app.OpenToRead(t.Context(), cfg)
	require.ErrorContains(t, err, "it is at version 3 and this program needs ")
	require.ErrorContains(t, err, "run `tranche migrate` first")
	current, _, err := old.Version(t.Context())
	require.NoError(t, err)
	require.Equal(t, int64(3), current)
}
