package storetest

import (
	"context"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"tranche/internal/billing"
	"tranche/internal/store"
	"tranche/internal/store/open"
)

// RunMigrations tests the way up from every version. newURL gives an empty database each time.
func RunMigrations(t *testing.T, newURL func(testing.TB) string) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, string){
		"from an empty database":   migrateEmpty,
		"from each older version":  func(t *testing.T, _ string) { migrateFromEach(t, newURL) },
		"by many at the same time": migrateByMany,
		"asking changes nothing":   askingChangesNothing,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, newURL(t))
		})
	}
}

func opened(t *testing.T, databaseURL string) *store.Store {
	t.Helper()
	s, err := open.Store(t.Context(), databaseURL, open.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func migrateEmpty(t *testing.T, databaseURL string) {
	s := opened(t, databaseURL)
	_, wanted, err := s.Version(t.Context())
	require.NoError(t, err)
	from, to, err := s.Migrate(t.Context())
	require.NoError(t, err)
	require.Equal(t, int64(0), from)
	require.Equal(t, wanted, to)
	from, to, err = s.Migrate(t.Context())
	require.NoError(t, err)
	require.Equal(t, wanted, from, "a second time there is nothing to do")
	require.Equal(t, wanted, to)
	pending, err := s.Pending(t.Context())
	require.NoError(t, err)
	require.Empty(t, pending)
}

// migrateFromEach stops at every version there ever was and goes on from there.
func migrateFromEach(t *testing.T, newURL func(testing.TB) string) {
	_, wanted, err := opened(t, newURL(t)).Version(t.Context())
	require.NoError(t, err)
	files, err := opened(t, newURL(t)).Pending(t.Context())
	require.NoError(t, err)
	for i, file := range files { // their numbers need not follow one another
		version := numberOf(t, file)
		s := opened(t, newURL(t))
		from, to, err := s.MigrateTo(t.Context(), version)
		require.NoError(t, err)
		require.Equal(t, []int64{0, version}, []int64{from, to})
		pending, err := s.Pending(t.Context())
		require.NoError(t, err)
		require.Equal(t, files[i+1:], append([]string{}, pending...))
		from, to, err = s.Migrate(t.Context())
		require.NoError(t, err)
		require.Equal(t, []int64{version, wanted}, []int64{from, to})
		usable(t, s)
	}
}

// numberOf is the version that a step's file leads to.
func numberOf(t *testing.T, file string) int64 {
	t.Helper()
	number, _, _ := strings.Cut(file, "_")
	version, err := strconv.ParseInt(number, 10, 64)
	require.NoError(t, err)
	return version
}

// usable writes and reads something.
func usable(t *testing.T, s billing.Store) {
	t.Helper()
	f := newFixture(t, s)
	p, charges := f.plan(2)
	same(t, p)(f.Plan(t.Context(), p.ID))
	same(t, charges)(f.PlanCharges(t.Context(), p.ID))
}

func migrateByMany(t *testing.T, databaseURL string) {
	var g errgroup.Group
	results := make(chan [2]int64, 6)
	for range cap(results) {
		g.Go(func() error {
			s, err := open.Store(context.Background(), databaseURL, open.Options{})
			if err != nil {
				return err
			}
			from, to, err := s.Migrate(context.Background())
			results <- [2]int64{from, to}
			if err != nil {
				return err
			}
			return s.Close()
		})
	}
	require.NoError(t, g.Wait())
	close(results)
	worked := 0
	for r := range results {
		require.Positive(t, r[1])
		if r[0] != r[1] {
			worked++
		}
	}
	require.Equal(t, 1, worked, "one migrates, the others find it done")
	usable(t, opened(t, databaseURL))
}

func askingChangesNothing(t *testing.T, databaseURL string) {
	s := opened(t, databaseURL)
	for range 2 {
		current, wanted, err := s.Version(t.Context())
		require.NoError(t, err)
		require.Equal(t, int64(0), current)
		pending, err := s.Pending(t.Context())
		require.NoError(t, err)
		require.Equal(t, wanted, numberOf(t, pending[len(pending)-1]))
		require.Equal(t, "00001_start.sql", pending[0])
	}
	_, err := s.Plan(t.Context(), "none")
	require.Error(t, err)
	require.NotErrorIs(t, err, billing.ErrNotFound, "there is no table to look in")
}
