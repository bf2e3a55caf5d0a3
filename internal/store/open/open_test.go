package open_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"tranche/internal/store/open"
	"tranche/internal/testenv"
)

func TestStoreOpensSQLite(t *testing.T) {
	t.Parallel()
	for _, scheme := range []string{"sqlite:", "sqlite://", "SQLite:"} {
		path := filepath.Join(t.TempDir(), "tranche.db")
		s, err := open.Store(t.Context(), scheme+path, open.Options{Connections: 2})
		require.NoError(t, err)
		require.NoError(t, s.Ping(t.Context()))
		require.NoError(t, s.Close())
		_, err = os.Stat(path)
		require.NoError(t, err)
	}
}

func TestStoreOpensPostgreSQL(t *testing.T) {
	t.Parallel()
	s, err := open.Store(t.Context(), testenv.Postgres(t), open.Options{Connections: 2})
	require.NoError(t, err)
	require.NoError(t, s.Ping(t.Context()))
	require.NoError(t, s.Close())
}

func TestStoreRefusesOtherURLs(t *testing.T) {
	t.Parallel()
	for databaseURL, want := range map[string]string{
		"":                                  "no scheme",
		"tranche.db":                        "no scheme",
		"mysql://tranche:hunter2@host/db":   "must begin with sqlite:",
		"hunter2:x":                         "must begin with sqlite:",
		"sqlite:":                           "path of a file",
		"postgres://tranche:hunter2@host:x": "can't be read",
	} {
		_, err := open.Store(t.Context(), databaseURL, open.Options{})
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), "hunter2")
	}
}

func TestMissingIsAFileThatStoreWouldMake(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "tranche.db")
	for databaseURL, want := range map[string]bool{
		"sqlite:" + path: true, "SQLite://" + path: true, "sqlite:" + filepath.Dir(path): false, "postgres://host/db": false, path: false,
	} {
		require.Equal(t, want, open.Missing(databaseURL), databaseURL)
	}
}

func TestOpen_FileOfItsOwner(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "tranche.db")
	s, err := open.Store(t.Context(), "sqlite:"+file, open.Options{})
	require.NoError(t, err)
	_, _, err = s.Migrate(t.Context())
	require.NoError(t, err)
	written, err := filepath.Glob(file + "*")
	require.NoError(t, err)
	require.Contains(t, written, file+"-wal")
	for _, name := range written {
		info, err := os.Stat(name)
		require.NoError(t, err)
		require.Zero(t, info.Mode().Perm()&0o077, name)
	}
	require.NoError(t, s.Close())

	for mode, exposed := range map[os.FileMode]string{0o600: "", 0o640: "", 0o644: file, 0o602: file} {
		require.NoError(t, os.Chmod(file, mode))
		require.Equal(t, exposed, open.Exposed("sqlite:"+file), mode)
		require.Equal(t, exposed, open.Exposed("SQLite://"+file), mode)
	}
	require.Empty(t, open.Exposed("sqlite:"+file+"-none"))
	require.Empty(t, open.Exposed("postgres://host/db"))
}
