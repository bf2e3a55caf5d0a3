package sqlite_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/store/sqlite"
	"tranche/internal/store/storetest"
	"tranche/internal/testenv"
)

func TestContract(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) billing.Store { return storetest.SQLite(t) })
}

func TestMigrations(t *testing.T) {
	t.Parallel()
	storetest.RunMigrations(t, testenv.SQLite)
}

func TestOpenTakesAnyFileName(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"plain.db", "with space.db", "what?.db", "100%25.db", "a#b.db", "é&mode=ro.db"} {
		path := filepath.Join(t.TempDir(), name)
		s, err := sqlite.Open(t.Context(), path, sqlite.Options{})
		require.NoError(t, err, name)
		_, _, err = s.MigrateTo(t.Context(), 1) // something is written
		require.NoError(t, err, name)
		require.NoError(t, s.Close())
		info, err := os.Stat(path)
		require.NoError(t, err, name)
		require.Positive(t, info.Size(), "%s is the file that was written", name)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), "it names customers")
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"", ":memory:"} {
		_, err := sqlite.Open(t.Context(), path, sqlite.Options{})
		require.ErrorContains(t, err, "path of a file")
	}
	_, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "no", "such", "folder.db"), sqlite.Options{})
	require.ErrorIs(t, err, billing.ErrUnavailable)
	require.ErrorIs(t, err, os.ErrNotExist)

	text := filepath.Join(t.TempDir(), "text")
	require.NoError(t, os.WriteFile(text, []byte("this is a letter and no database, as anybody can see at once"), 0o600))
	_, err = sqlite.Open(t.Context(), text, sqlite.Options{})
	require.Error(t, err)
}

// TestTwoProcesses opens the file twice, as a command beside the server does.
func TestTwoProcesses(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "tranche.db")
	server, err := sqlite.Open(t.Context(), path, sqlite.Options{Readers: 1})
	require.NoError(t, err)
	defer server.Close()
	_, _, err = server.Migrate(t.Context())
	require.NoError(t, err)
	command, err := sqlite.Open(t.Context(), path, sqlite.Options{Readers: 1})
	require.NoError(t, err)
	defer command.Close()

	err = server.Update(t.Context(), func(tx billing.Tx) error {
		require.NoError(t, tx.InsertRequest(t.Context(), billing.Request{Key: "key", CreatedAt: time.Unix(1, 0)}))
		_, err := command.Request(t.Context(), "key") // reading goes on, and sees what is committed
		require.ErrorIs(t, err, billing.ErrNotFound)
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		err = command.Update(ctx, func(billing.Tx) error { return nil }) // writing waits
		require.ErrorIs(t, err, billing.ErrUnavailable)
		return nil
	})
	require.NoError(t, err)
	_, err = command.Request(t.Context(), "key")
	require.NoError(t, err)
}
