package postgres_test

import (
	"context"
	"errors"
	"net/url"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"tranche/internal/billing"
	"tranche/internal/store"
	"tranche/internal/store/postgres"
	"tranche/internal/store/storetest"
	"tranche/internal/testenv"
)

func TestContract(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) billing.Store { return storetest.Postgres(t) })
}

func TestMigrations(t *testing.T) {
	t.Parallel()
	storetest.RunMigrations(t, testenv.Postgres)
}

// open opens a migrated store.
func open(t *testing.T, databaseURL string) *store.Store {
	t.Helper()
	s, err := postgres.Open(t.Context(), databaseURL, postgres.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	_, _, err = s.Migrate(t.Context())
	require.NoError(t, err)
	return s
}

// addPlans adds two plans.
func addPlans(t *testing.T, s *store.Store) [2]billing.PlanID {
	t.Helper()
	c := billing.Customer{ID: "cust_1", Reference: "c", CreatedAt: now, UpdatedAt: now}
	ids := [2]billing.PlanID{"plan_1", "plan_2"}
	require.NoError(t, s.Update(t.Context(), func(tx billing.Tx) error {
		require.NoError(t, tx.InsertCustomer(t.Context(), c))
		for _, id := range ids {
			p := billing.Plan{
				ID: id, Reference: string(id), CustomerID: c.ID, Kind: billing.KindDeposit, Status: billing.PlanActive,
				Currency: "usd", Total: 1, CreatedAt: now, UpdatedAt: now,
			}
			require.NoError(t, tx.InsertPlan(t.Context(), p, nil))
		}
		return nil
	}))
	return ids
}

// TestADeadlockIsRunAgain has two transactions lock the same plans in opposite order, each waiting
// until the other has its first.
func TestADeadlockIsRunAgain(t *testing.T) {
	t.Parallel()
	s := open(t, testenv.Postgres(t)+"&deadlock_timeout=20ms")
	ids := addPlans(t, s)
	var g errgroup.Group
	var runs [2]int
	var held [2]chan struct{}
	for i := range held {
		held[i] = make(chan struct{})
	}
	for i := range 2 {
		var once sync.Once
		g.Go(func() error {
			return s.Update(t.Context(), func(tx billing.Tx) error {
				runs[i]++
				for step, id := range []billing.PlanID{ids[i], ids[1-i]} {
					p, err := tx.LockPlan(t.Context(), id)
					if err != nil {
						return nil //nolint:nilerr // swallowed on purpose: the transaction must still be retried
					}
					p.Total++
					if err := tx.UpdatePlan(t.Context(), p); err != nil {
						return err
					}
					if step == 0 {
						once.Do(func() { close(held[i]) })
						<-held[1-i]
					}
				}
				return nil
			})
		})
	}
	require.NoError(t, g.Wait())
	require.Equal(t, 3, runs[0]+runs[1], "one was the victim and ran twice")
	for _, id := range ids {
		p, err := s.Plan(t.Context(), id)
		require.NoError(t, err)
		require.Equal(t, int64(3), p.Total, "each counted once")
	}
}

// TestALostConnectionIsAnOutage ends the server's side of a transaction.
func TestALostConnectionIsAnOutage(t *testing.T) {
	t.Parallel()
	databaseURL := testenv.Postgres(t)
	s := open(t, databaseURL)
	addPlans(t, s)
	u, err := url.Parse(databaseURL)
	require.NoError(t, err)
	err = s.Update(t.Context(), func(tx billing.Tx) error {
		_, err := tx.LockPlan(t.Context(), "plan_1")
		require.NoError(t, err)
		endOthers(t, databaseURL, u.Query().Get("application_name"))
		_, err = tx.Plan(t.Context(), "plan_1")
		require.ErrorIs(t, err, billing.ErrUnavailable)
		return err
	})
	require.ErrorIs(t, err, billing.ErrUnavailable)
	// Each connection that was idle at the time may report it once. Then the pool has recovered.
	for err = errors.New("not tried yet"); err != nil; {
		err = s.Update(t.Context(), func(tx billing.Tx) error {
			_, err := tx.LockPlan(t.Context(), "plan_1")
			return err
		})
		if err != nil {
			require.ErrorIs(t, err, billing.ErrUnavailable)
		}
	}
}

// endOthers ends all connections of an application but its own.
func endOthers(t *testing.T, databaseURL, application string) {
	t.Helper()
	c, err := pgx.Connect(t.Context(), databaseURL)
	require.NoError(t, err)
	defer func() { _ = c.Close(context.Background()) }()
	_, err = c.Exec(t.Context(),
		"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = $1 AND pid <> pg_backend_pid()", application)
	require.NoError(t, err)
}

func TestBodiesAreNotCompressed(t *testing.T) {
	t.Parallel()
	databaseURL := testenv.Postgres(t)
	open(t, databaseURL)
	c, err := pgx.Connect(t.Context(), databaseURL)
	require.NoError(t, err)
	defer func() { _ = c.Close(context.Background()) }()
	var storage string
	require.NoError(t, c.QueryRow(t.Context(),
		"SELECT attstorage FROM pg_attribute WHERE attrelid = 'events'::regclass AND attname = 'payload'").Scan(&storage))
	require.Equal(t, "e", storage) // EXTERNAL
}
