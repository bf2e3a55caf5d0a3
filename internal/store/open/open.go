// Package open opens the store that a database URL names.
package open

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"strings"

	"tranche/internal/store"
	"tranche/internal/store/postgres"
	"tranche/internal/store/sqlite"
)

// Options are the settings of either engine. The zero value is good.
type Options struct {
	// Connections is the most this process opens: all of them in PostgreSQL (0 means 20), those that read in SQLite
	// (0 means 4).
	Connections int
}

// Store opens the database at sqlite:PATH, postgres://… or postgresql://…. It does not migrate. No error repeats the
// URL, which may hold a password. Errors: ErrUnavailable when the database does not answer.
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

// path is that of a database in a file: sqlite:///var/lib/x.db is how other programs write /var/lib/x.db.
func path(rest string) string { return strings.TrimPrefix(rest, "//") }

// Missing says whether the URL names a database in a file that does not exist, and that Store would make.
func Missing(databaseURL string) bool {
	scheme, rest, found := strings.Cut(databaseURL, ":")
	if !found || !strings.EqualFold(scheme, "sqlite") {
		return false
	}
	_, err := os.Stat(path(rest))
	return errors.Is(err, fs.ErrNotExist)
}
