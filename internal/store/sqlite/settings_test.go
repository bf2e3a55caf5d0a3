package sqlite

import (
	"database/sql"
	"errors"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"tranche/internal/store"
)

// TestSettingsTakeEffect asks SQLite: a misspelt setting is passed over in silence.
func TestSettingsTakeEffect(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "tranche.db")
	for queryOnly, settings := range map[string]string{"0": dsn(path, writing()), "1": dsn(path, reading())} {
		db, err := sql.Open("sqlite", settings)
		require.NoError(t, err)
		t.Cleanup(func() { _ = db.Close() })
		for pragma, want := range map[string]string{
			"busy_timeout": "10000", "journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "query_only": queryOnly,
		} {
			var got string
			require.NoError(t, db.QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&got))
			require.Equal(t, want, got, pragma)
		}
	}
}

// TestAReaderCannotWrite keeps a statement that was sent to the wrong pool from getting round the
// one writer.
func TestAReaderCannotWrite(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "tranche.db")
	write, err := sql.Open("sqlite", dsn(path, writing()))
	require.NoError(t, err)
	defer write.Close()
	_, err = write.ExecContext(t.Context(), "CREATE TABLE here (id INTEGER PRIMARY KEY)")
	require.NoError(t, err)
	read, err := sql.Open("sqlite", dsn(path, reading()))
	require.NoError(t, err)
	defer read.Close()
	_, err = read.ExecContext(t.Context(), "INSERT INTO here VALUES (1)")
	require.Error(t, err)
	require.Equal(t, store.FaultUnavailable, fault(err))
}

func TestFault(t *testing.T) {
	t.Parallel()
	db, err := sql.Open("sqlite", dsn(filepath.Join(t.TempDir(), "tranche.db"), writing()))
	require.NoError(t, err)
	defer db.Close()
	for _, step := range []struct {
		query string
		want  store.Fault
	}{
		{"CREATE TABLE parent (id TEXT PRIMARY KEY NOT NULL, n INTEGER UNIQUE CHECK (n > 0))", store.FaultOther},
		{"CREATE TABLE child (id INTEGER PRIMARY KEY, parent TEXT REFERENCES parent (id))", store.FaultOther},
		{"INSERT INTO parent VALUES ('a', 1)", store.FaultOther},
		{"INSERT INTO child VALUES (1, 'a')", store.FaultOther},
		{"INSERT INTO parent VALUES ('a', 2)", store.FaultDuplicate},
		{"INSERT INTO parent VALUES ('b', 1)", store.FaultDuplicate},
		{"INSERT INTO child VALUES (1, 'a')", store.FaultDuplicate},
		{"INSERT INTO child VALUES (2, 'b')", store.FaultMissing},
		{"INSERT INTO parent VALUES ('c', -1)", store.FaultOther},
		{"INSERT INTO parent VALUES (NULL, 3)", store.FaultOther},
		{"SELECT nothing", store.FaultOther},
	} {
		_, err := db.ExecContext(t.Context(), step.query)
		require.Equal(t, step.want, fault(err), "%s: %v", step.query, err)
	}
	require.Equal(t, store.FaultOther, fault(errors.New("some other error")))
}
