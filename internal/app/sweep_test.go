package app

import (
	"net/http/httptest"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
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

// TestSweep_StripesClockBehind: an event that Stripe's clock dates before the last sweep, although
// it happened after it, is stored.
func TestSweep_StripesClockBehind(t *testing.T) {
	t.Parallel()
	s := storetest.SQLite(t)
	jobs, gateway := sweeper(t, s, stripesim.Options{Now: func() time.Time { return time.Now().Add(-30 * time.Minute) }})
	cursor, err := jobs.sweep(t.Context(), time.Now())
	require.NoError(t, err)
	customer, err := gateway.CreateCustomer(t.Context(), "key-1", billing.CustomerParams{Email: "ada@example.com"})
	require.NoError(t, err)
	_, err = gateway.CreatePaymentIntent(t.Context(), "key-2", billing.PaymentParams{
		Amount: 100, Currency: "usd", Customer: customer, PaymentMethod: "pm_card_visa", OffSession: true,
	})
	require.NoError(t, err)
	_, err = jobs.sweep(t.Context(), cursor)
	require.NoError(t, err)
	events, err := s.Events(t.Context(), billing.EventFilter{})
	require.NoError(t, err)
	require.NotEmpty(t, events)
}

// sweeper returns the periodic jobs on a simulated Stripe, and a gateway to it.
func sweeper(t *testing.T, s *store.Store, o stripesim.Options) (*periodicJobs, *stripegw.Gateway) {
	t.Helper()
	sim := stripesim.New(o)
	server := httptest.NewServer(sim)
	t.Cleanup(func() { sim.Close(); server.Close() })
	gateway, err := stripegw.New(stripegw.Config{SecretKey: "sk_test_sweep", APIBase: server.URL, HTTPTimeout: 5 * time.Second})
	require.NoError(t, err)
	return &periodicJobs{store: s, record: stripegw.NewRecord(gateway, 0), log: zerolog.Nop()}, gateway
}

func requireUnseenNoted(t *testing.T, s *store.Store) {
	t.Helper()
	jobs, _ := sweeper(t, s, stripesim.Options{})
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
