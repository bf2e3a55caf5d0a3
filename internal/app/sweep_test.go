package app

import (
	"net/http/httptest"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"tranche/internal/store"
	"tranche/internal/store/storetest"
	"tranche/internal/stripegw"
	"tranche/internal/stripesim"
)

// TestSweep_LaterThanStripesEvents: the periodic job that reads events moves its cursor to now.
// Where Stripe's events do not reach back to the old cursor, it remembers first from when payments
// must be compared.
func TestSweep_LaterThanStripesEvents(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(testing.TB) *store.Store{"sqlite": storetest.SQLite, "postgres": storetest.Postgres} {
		t.Run(name, func(t *testing.T) { t.Parallel(); requireUnseenNoted(t, open(t)) })
	}
}

func requireUnseenNoted(t *testing.T, s *store.Store) {
	t.Helper()
	sim := stripesim.New(stripesim.Options{})
	server := httptest.NewServer(sim)
	t.Cleanup(func() { sim.Close(); server.Close() })
	gateway, err := stripegw.New(stripegw.Config{SecretKey: "sk_test_sweep", APIBase: server.URL, HTTPTimeout: 5 * time.Second})
	require.NoError(t, err)
	jobs := &periodicJobs{store: s, record: stripegw.NewRecord(gateway, 0), log: zerolog.Nop()}
	for _, test := range []struct {
		cursor time.Time
		unseen bool
	}{
		{time.Now().UTC().Add(-time.Hour), false}, {time.Now().UTC().AddDate(0, 0, -29), false}, {time.Now().UTC().AddDate(0, 0, -40).Truncate(time.Second), true},
	} {
		began := time.Now()
		cursor, err := jobs.sweep(t.Context(), test.cursor)
		require.NoError(t, err)
		require.WithinRange(t, cursor, began.Add(-time.Second), time.Now())
		lineage, err := s.Lineage(t.Context())
		require.NoError(t, err)
		require.Equal(t, !test.unseen, lineage.ReconcileFrom.IsZero(), test.cursor)
		if test.unseen {
			require.True(t, lineage.ReconcileFrom.Before(test.cursor))
		}
	}
}
