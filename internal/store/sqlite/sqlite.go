// Package sqlite opens a store in one file, with the pure Go SQLite engine. It is meant for one
// process.
package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
	"modernc.org/sqlite" // registers the driver, too
	sqlite3 "modernc.org/sqlite/lib"

	"tranche/internal/billing"
	"tranche/internal/store"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Options are the settings an operator may change. The zero value is good.
type Options struct {
	// Readers is the most connections that read at the same time; 0 means 4.
	Readers int
}

// Open opens the database file at path and makes it if there is none. It does not migrate.
// Errors: ErrUnavailable when the file can't be opened.
func Open(ctx context.Context, path string, o Options) (*store.Store, error) {
	if path == "" || path == ":memory:" {
		return nil, errors.New("sqlite needs the path of a file: a database in memory is lost with the process")
	}
	if err := create(path); err != nil {
		return nil, err
	}
	write, err := sql.Open("sqlite", dsn(path, writing()))
	if err != nil {
		return nil, fmt.Errorf("open the database %s: %w", path, err)
	}
	// SQLite has one writer at a time. With one connection they queue here, in order, instead of
	// meeting as SQLITE_BUSY in the file.
	write.SetMaxOpenConns(1)
	read, err := sql.Open("sqlite", dsn(path, reading()))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open the database %s: %w", path, err), write.Close())
	}
	// Readers don't wait for the writer in WAL mode. More of them than cores gain nothing.
	readers := o.Readers
	if readers <= 0 {
		readers = 4
	}
	read.SetMaxOpenConns(readers)
	read.SetMaxIdleConns(readers) // opening one costs a dozen file operations
	s := store.New(write, read, dialect(path), steps(path))
	// The writer is first to touch the file: it turns WAL mode on, which a reader can't.
	if err := write.PingContext(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open the database %s: %w: %w", path, billing.ErrUnavailable, err), s.Close())
	}
	return s, nil
}

// create makes the file for its owner alone: it names customers. SQLite gives its log the same
// permissions.
func create(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("open the database: %w: %w", billing.ErrUnavailable, err)
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("open the database: %w: %w", billing.ErrUnavailable, err)
	}
	return nil
}

// dsn is a file URI, because a plain name could not hold a question mark.
func dsn(path string, settings url.Values) string {
	escaped := url.URL{Path: filepath.ToSlash(filepath.Clean(path))}
	return "file:" + escaped.EscapedPath() + "?" + settings.Encode()
}

// common are the settings of every connection.
func common() url.Values {
	return url.Values{
		// Another process (a command beside the server) may hold the file for a moment: wait, don't fail.
		"_busy_timeout": {"10000"},
		// Readers go on while one writes, and a commit is one append to the log.
		"_journal_mode": {"WAL"},
		// A commit is on the disk before it is reported. WAL's usual NORMAL may lose the last ones
		// in a power cut, and with them the record of an attempt that Stripe has carried out.
		"_synchronous": {"FULL"},
		// Off by default in SQLite. A charge without its plan must not exist.
		"_foreign_keys": {"on"},
	}
}

// writing adds: take the write lock when a transaction begins. One that began by reading would
// fail, not wait, when another process wrote meanwhile.
func writing() url.Values {
	v := common()
	v.Set("_txlock", "immediate")
	return v
}

// reading adds: refuse to write, so that nothing gets round the one writer.
func reading() url.Values {
	v := common()
	v.Set("_query_only", "on")
	return v
}

func dialect(path string) store.Dialect {
	return store.Dialect{
		Name: "sqlite",
		// RowLock and SkipLocked are empty: a writing transaction has the database to itself.
		// SQLite takes 32766, but looks each name up among all before it: time grows with the square.
		// It must hold a full page of a claim, and the longest list of ids.
		MaxParams: 600,
		HasTable:  "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = $1",
		Fault:     fault,
		Home:      func(context.Context, *sql.DB) (string, error) { return home(path) },
	}
}

func steps(path string) store.Migrations {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		panic(err) // a constant, valid name
	}
	return store.Migrations{
		Files:   files,
		Dialect: goose.DialectSQLite3,
		Locker:  func() (lock.Locker, error) { return &fileLock{path: path + "-migrate"}, nil },
	}
}

// fault sorts SQLite's extended result codes; the primary code is in the low byte.
func fault(err error) store.Fault {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return store.FaultOther
	}
	switch e.Code() {
	case sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY, sqlite3.SQLITE_CONSTRAINT_ROWID:
		return store.FaultDuplicate
	case sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY:
		return store.FaultMissing
	}
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN,
		sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_INTERRUPT:
		return store.FaultUnavailable
	}
	return store.FaultOther
}
