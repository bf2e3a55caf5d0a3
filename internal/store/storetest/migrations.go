package storetest

import (
	"context"
	"database/sql"
	"slices"
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
		"from each older version":  migrateFromEach,
		"from one to the last":     migrateFromOlder,
		"by many at the same time": migrateByMany,
		"asking changes nothing":   askingChangesNothing,
		"a newer one is refused":   refuseNewerDatabase,
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

// migrateFromEach goes up one step at a time: every version there ever was is one to go on from.
func migrateFromEach(t *testing.T, databaseURL string) {
	s := opened(t, databaseURL)
	steps := versions(t, s)
	before := int64(0)
	for i, version := range steps {
		from, to, err := s.MigrateTo(t.Context(), version)
		require.NoError(t, err)
		require.Equal(t, []int64{before, version}, []int64{from, to})
		require.Equal(t, append([]int64{}, steps[i+1:]...), versions(t, s))
		before = version
	}
	usable(t, s)
}

// migrateFromOlder goes from a version between to the last in one call.
func migrateFromOlder(t *testing.T, databaseURL string) {
	s := opened(t, databaseURL)
	steps := versions(t, s)
	between, wanted := steps[len(steps)/2], steps[len(steps)-1]
	from, to, err := s.MigrateTo(t.Context(), between)
	require.NoError(t, err)
	require.Equal(t, []int64{0, between}, []int64{from, to})
	from, to, err = s.Migrate(t.Context())
	require.NoError(t, err)
	require.Equal(t, []int64{between, wanted}, []int64{from, to})
	usable(t, s)
}

// versions are the numbers of the steps that are left. They go up, and may leave some out.
func versions(t *testing.T, s *store.Store) []int64 {
	t.Helper()
	pending, err := s.Pending(t.Context())
	require.NoError(t, err)
	list := []int64{}
	for _, name := range pending {
		number, _, _ := strings.Cut(name, "_")
		n, err := strconv.ParseInt(number, 10, 64)
		require.NoError(t, err)
		list = append(list, n)
	}
	require.True(t, slices.IsSorted(list))
	return list
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
		require.Equal(t, "00001_start.sql", pending[0])
		steps := versions(t, s)
		require.Equal(t, wanted, steps[len(steps)-1])
	}
	_, err := s.Plan(t.Context(), "none")
	require.Error(t, err)
	require.NotErrorIs(t, err, billing.ErrNotFound, "there is no table to look in")
}

// refuseNewerDatabase opens a database that a newer program has migrated.
func refuseNewerDatabase(t *testing.T, databaseURL string) {
	s := opened(t, databaseURL)
	_, known, err := s.Migrate(t.Context())
	require.NoError(t, err)
	require.NoError(t, s.CheckVersion(t.Context()))
	AddVersion(t, databaseURL, known+2)
	want := &store.NewerError{Database: known + 2, Program: known}
	_, _, err = s.Migrate(t.Context())
	require.Equal(t, want, err)
	_, err = s.Pending(t.Context())
	require.Equal(t, want, err)
	require.Equal(t, want, s.CheckVersion(t.Context()))
	current, _, err := s.Version(t.Context())
	require.NoError(t, err)
	require.Equal(t, known+2, current, "nothing was changed")
}

// AddVersion records a schema version as applied, as a newer program does.
func AddVersion(t testing.TB, databaseURL string, version int64) {
	t.Helper()
	driver, dsn := "pgx", databaseURL
	if path, file := strings.CutPrefix(databaseURL, "sqlite:"); file {
		driver, dsn = "sqlite", path+"?_pragma=busy_timeout(10000)"
	}
	db, err := sql.Open(driver, dsn)
	require.NoError(t, err)
	defer func() { _ = db.Close() }()
	_, err = db.ExecContext(context.Background(), "INSERT INTO goose_db_version (version_id, is_applied) VALUES ($1, true)", version)
	require.NoError(t, err)
}
