package storetest

import (
	"context"
	"database/sql"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
)

// urls holds the database URL of each open store that tests were given.
var urls sync.Map

// Rewinder takes backups of an open store's rows and puts them back, as a data-only restore or a
// failover that lost commits does. The store stays open and notices nothing.
type Rewinder struct {
	t      testing.TB
	db     *sql.DB
	tables []string
	names  func(backup, table string) string // of a table in a backup
	before string                            // what turns foreign keys off
	folder string
}

// NewRewinder makes one for a store that SQLite or Postgres opened.
func NewRewinder(t testing.TB, s billing.Store) *Rewinder {
	t.Helper()
	url, ok := urls.Load(s)
	require.True(t, ok, "the store was opened by this package")
	return RewinderOf(t, url.(string))
}

// RewinderOf makes one for a migrated database, which a process may have open.
func RewinderOf(t testing.TB, databaseURL string) *Rewinder {
	t.Helper()
	r := &Rewinder{t: t, folder: t.TempDir()}
	driver, dsn, list := "pgx", databaseURL, "SELECT tablename FROM pg_tables WHERE schemaname = current_schema() AND tablename NOT LIKE 'goose%'"
	r.before = "SET LOCAL session_replication_role = replica"
	r.names = func(backup, table string) string { return backup + "_" + table }
	if path, file := strings.CutPrefix(dsn, "sqlite:"); file {
		driver, dsn = "sqlite", path+"?_pragma=busy_timeout(10000)"
		list = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'goose%' AND name <> 'sqlite_sequence'"
		r.before = "PRAGMA defer_foreign_keys = on"
		r.names = func(backup, table string) string { return backup + "." + table }
	}
	var err error
	r.db, err = sql.Open(driver, dsn)
	require.NoError(t, err)
	r.db.SetMaxOpenConns(1) // what is attached belongs to a connection
	t.Cleanup(func() { _ = r.db.Close() })
	rows, err := r.db.QueryContext(context.Background(), list)
	require.NoError(t, err)
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var name string
		require.NoError(t, rows.Scan(&name))
		r.tables = append(r.tables, name)
	}
	require.NoError(t, rows.Err())
	return r
}

// Backup keeps every row under a name, which must be a new one.
func (r *Rewinder) Backup(name string) {
	r.t.Helper()
	if r.sqlite() {
		r.exec("VACUUM INTO '" + filepath.Join(r.folder, name) + "'")
		r.exec("ATTACH '" + filepath.Join(r.folder, name) + "' AS " + name)
		return
	}
	for _, table := range r.tables {
		r.exec("CREATE TEMPORARY TABLE " + r.names(name, table) + " AS TABLE " + table)
	}
}

// Restore puts the rows of a backup in the place of all that are there.
func (r *Rewinder) Restore(name string) {
	r.t.Helper()
	ctx := context.Background()
	tx, err := r.db.BeginTx(ctx, nil)
	require.NoError(r.t, err)
	defer func() { _ = tx.Rollback() }()
	statements := []string{r.before}
	for _, table := range r.tables {
		statements = append(statements, "DELETE FROM "+table)
	}
	for _, table := range r.tables {
		statements = append(statements, "INSERT INTO "+table+" SELECT * FROM "+r.names(name, table))
	}
	for _, s := range statements {
		_, err := tx.ExecContext(ctx, s)
		require.NoError(r.t, err, s)
	}
	require.NoError(r.t, tx.Commit())
}

func (r *Rewinder) sqlite() bool { return strings.HasPrefix(r.before, "PRAGMA") }

func (r *Rewinder) exec(statement string) {
	r.t.Helper()
	_, err := r.db.ExecContext(context.Background(), statement)
	require.NoError(r.t, err, statement)
}
