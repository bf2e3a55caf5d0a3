package postgres_test

import (
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"tranche/internal/billing"
	"tranche/internal/store"
	"tranche/internal/store/postgres"
	"tranche/internal/store/storetest"
	"tranche/internal/testenv"
)

// TestContract_PgBouncer holds the store to its contract behind a pooler in transaction mode.
func TestContract_PgBouncer(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) billing.Store { return storetest.PgBouncer(t) })
}

// TestMigrate_PgBouncer migrates an empty database through the pooler, by several processes at
// once.
func TestMigrate_PgBouncer(t *testing.T) {
	t.Parallel()
	pooled := testenv.PgBouncer(t, testenv.Postgres(t))
	var g errgroup.Group
	for range 3 {
		g.Go(func() error {
			s, err := postgres.Open(t.Context(), pooled, postgres.Options{})
			if err != nil {
				return err
			}
			defer func() { _ = s.Close() }()
			_, _, err = s.Migrate(t.Context())
			return err
		})
	}
	require.NoError(t, g.Wait())
	addPlans(t, open(t, pooled))
}

// TestPgBouncer_PreparedStatements shows what fails without the mode that Open chooses.
func TestPgBouncer_PreparedStatements(t *testing.T) {
	t.Parallel()
	direct := testenv.Postgres(t)
	open(t, direct)
	pooled := testenv.PgBouncer(t, direct)
	prepared, err := postgres.Open(t.Context(), pooled+"&default_query_exec_mode=cache_statement", postgres.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { _ = prepared.Close() })
	var refused *pgconn.PgError
	require.ErrorAs(t, readAtOnce(t, prepared), &refused)
	require.Contains(t, []string{"42P05", "26000", "08P01"}, refused.Code, "a statement of another session")

	chosen, err := postgres.Open(t.Context(), pooled, postgres.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { _ = chosen.Close() })
	require.NoError(t, readAtOnce(t, chosen))
}

// readAtOnce reads by many connections at the same time.
func readAtOnce(t *testing.T, s *store.Store) error {
	t.Helper()
	var g errgroup.Group
	for range 10 {
		g.Go(func() error {
			for range 50 {
				if _, err := s.Plans(t.Context(), billing.PlanFilter{}); err != nil {
					return err
				}
				if _, err := s.Notices(t.Context(), billing.NoticeFilter{}); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return g.Wait()
}
