// Package storetest is one suite for every implementation of billing.Store, and opens stores for
// other packages' tests. The contract of a store is tested here only, so that all engines behave
// the same. Tests of one engine's details are in the package of that engine.
package storetest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/store"
	"tranche/internal/store/open"
	"tranche/internal/testenv"
)

// Run runs the suite. open gives an empty, migrated store each time; the suite closes it.
func Run(t *testing.T, open func(t *testing.T) billing.Store) {
	t.Helper()
	groups := []map[string]func(*testing.T, *fixture){
		roundTripTests(), uniqueTests(), claimTests(), transactionTests(), listTests(), errorTests(), bindingTests(),
		periodicJobTests(), ledgerTests(), backlogTests(), dunningTests(), webhookTests(), reminderTests(), recoveryTests(),
		changeTests(), cardTests(), incidentTests(),
	}
	for _, group := range groups {
		for name, test := range group {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				test(t, newFixture(t, open(t)))
			})
		}
	}
}

// EachEngine runs a test once for each engine, each time on an empty, migrated store that is closed
// at its end.
//
// With the race detector it is PostgreSQL alone: the code under test is the same on both, and
// SQLite, which is C translated to Go, takes ten times as long then. Its turn comes in the run
// without the detector (see the Makefile), where TEST_ENGINE=sqlite leaves PostgreSQL out. The
// stores themselves are tested with the detector on both engines, in their own packages.
func EachEngine(t *testing.T, test func(t *testing.T, s billing.Store)) {
	t.Helper()
	engines := map[string]func(testing.TB) *store.Store{"sqlite": SQLite, "postgres": Postgres}
	switch {
	case testenv.RaceDetector:
		delete(engines, "sqlite")
	case os.Getenv("TEST_ENGINE") == "sqlite":
		delete(engines, "postgres")
	}
	for name, open := range engines {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open(t))
		})
	}
}

// SQLite opens an empty, migrated store in a file of the test's own.
func SQLite(t testing.TB) *store.Store {
	t.Helper()
	return ready(t, SQLiteFile(t))
}

// SQLiteFile returns the URL of an empty, migrated database in a file of the test's own.
func SQLiteFile(t testing.TB) (databaseURL string) {
	t.Helper()
	image, err := sqliteImage()
	require.NoError(t, err)
	databaseURL = testenv.SQLite(t)
	require.NoError(t, os.WriteFile(strings.TrimPrefix(databaseURL, "sqlite:"), image, 0o600))
	return databaseURL
}

// sqliteImage is the file of an empty, migrated database. It is made once for all tests of a
// package: the steps that lead to it are tested where they belong, and take longer than most of the
// tests.
var sqliteImage = sync.OnceValues(func() ([]byte, error) {
	folder, err := os.MkdirTemp("", "tranche-storetest-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	path := filepath.Join(folder, "empty.db")
	s, err := open.Store(context.Background(), "sqlite:"+path, open.Options{})
	if err != nil {
		return nil, err
	}
	if _, _, err := s.Migrate(context.Background()); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	if err := s.Close(); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
})

// Postgres opens an empty, migrated store of the test's own, or skips the test where there is no
// PostgreSQL.
func Postgres(t testing.TB) *store.Store {
	t.Helper()
	own, fresh := schemas.take(t)
	if fresh {
		return migrated(t, own.url)
	}
	return ready(t, own.url)
}

// PgBouncer opens an empty, migrated store as Postgres does, through a PgBouncer in transaction
// mode.
func PgBouncer(t testing.TB) *store.Store {
	t.Helper()
	own, fresh := schemas.take(t)
	if fresh {
		migrated(t, own.url)
	}
	return ready(t, testenv.PgBouncer(t, own.url))
}

func ready(t testing.TB, databaseURL string) *store.Store {
	t.Helper()
	s, err := open.Store(context.Background(), databaseURL, open.Options{})
	require.NoError(t, err)
	urls.Store(s, databaseURL)
	t.Cleanup(func() { urls.Delete(s); _ = s.Close() })
	return s
}

func migrated(t testing.TB, databaseURL string) *store.Store {
	t.Helper()
	s := ready(t, databaseURL)
	_, _, err := s.Migrate(context.Background())
	require.NoError(t, err)
	return s
}
