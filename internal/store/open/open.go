// Package open opens the store that a database URL names.
package open

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"runtime"
	"strings"

	"tranche/internal/store"
	"tranche/internal/store/postgres"
	"tranche/internal/store/sqlite"
)

// Options are the settings of either engine. The zero value is good.
type Options struct {
	// Connections is the most this process opens: all of them in PostgreSQL (0 means 20), those
	// that read in SQLite (0 means 4).
	Connections int
}

// Store opens the database at sqlite:PATH, postgres://… or postgresql://…. It does not migrate. No
// error repeats the URL, which may hold a password. Errors: ErrUnavailable when the database does
// not answer.
func Store(ctx context.Context, databaseURL string, o Options) (*store.Store, error) {
	scheme, rest, found := strings.Cut(databaseURL, ":")
	if !found {
		return nil, errors.New("the database URL has no scheme: write sqlite:PATH or postgres://user:password@host/database")
	}
	switch strings.ToLower(scheme) {
	case "sqlite":
		return sqlite.Open(ctx, path(rest), sqlite.Options{Readers: o.Connections})
	case "postgres", "postgresql":
		return postgres.Open(ctx, databaseURL, postgres.Options{Connections: o.Connections})
	}
	return nil, errors.New("the database URL must begin with sqlite:, postgres:// or postgresql://")
}

// path returns the path of the database file. Other programs write /var/lib/x.db as
// sqlite:///var/lib/x.db.
func path(rest string) string { return strings.TrimPrefix(rest, "//") }

// Missing reports whether the URL names a database file that does not exist and that Store would
// create.
func Missing(databaseURL string) bool {
	scheme, rest, found := strings.Cut(databaseURL, ":")
	if !found || !strings.EqualFold(scheme, "sqlite") {
		return false
	}
	_, err := os.Stat(path(rest))
	return errors.Is(err, fs.ErrNotExist)
}

// Exposed returns the path of the database file that the URL names if other users of this machine
// may read or write it, and otherwise nothing. A database is made for its owner alone; this one was
// copied or restored with wider permissions.
func Exposed(databaseURL string) string {
	scheme, rest, found := strings.Cut(databaseURL, ":")
	if !found || !strings.EqualFold(scheme, "sqlite") || runtime.GOOS == "windows" {
		return ""
	}
	const others = 0o007
	if info, err := os.Stat(path(rest)); err != nil || info.Mode().Perm()&others == 0 {
		return ""
	}
	return path(rest)
}
