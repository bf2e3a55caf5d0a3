// Package storetest is one suite for every implementation of billing.Store, and opens stores for other packages'
// tests. What a store promises is tested here and nowhere else, so that all engines keep the same promises; tests of
// one engine's own matters lie beside that engine.
package storetest

import (
	"context"
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
		choreTests(), ledgerTests(), backlogTests(), dunningTests(), webhookTests(), reminderTests(), recoveryTests(),
		changeTests(), cardTests(),
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

// EachEngine runs a test once for each engine, each time on an empty, migrated store that is closed at its end.
func EachEngine(t *testing.T, test func(t *testing.T, s billing.Store)) {
	t.Helper()
	engines := map[string]func(testing.TB) *store.Store{"sqlite": SQLite, "postgres": Postgres}
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
	return migrated(t, testenv.SQLite(t))
}

// Postgres opens an empty, migrated store of the test's own, or skips the test where there is no PostgreSQL.
func Postgres(t testing.TB) *store.Store {
	t.Helper()
	return migrated(t, testenv.Postgres(t))
}

func migrated(t testing.TB, databaseURL string) *store.Store {
	t.Helper()
	s, err := open.Store(context.Background(), databaseURL, open.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	_, _, err = s.Migrate(context.Background())
	require.NoError(t, err)
	return s
}
