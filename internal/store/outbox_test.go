package store_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/store"
	"tranche/internal/store/storetest"
)

func eachStore(t *testing.T, test func(t *testing.T, s *store.Store)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { t.Parallel(); test(t, storetest.SQLite(t)) })
	t.Run("postgres", func(t *testing.T) { t.Parallel(); test(t, storetest.Postgres(t)) })
}

func addEndpoint(t *testing.T, s *store.Store, now time.Time) {
	t.Helper()
	require.NoError(t, s.InsertEndpoint(t.Context(), billing.Endpoint{
		ID: billing.NewEndpointID(now), URL: "https://shop.example", Status: billing.EndpointEnabled, CreatedAt: now, UpdatedAt: now,
	}))
}

// happened makes audit entries that are sent to endpoints.
func happened(now time.Time, n int) []billing.AuditEntry {
	entries := make([]billing.AuditEntry, n)
	for i := range entries {
		entries[i] = billing.AuditEntry{At: now, Action: "charge.succeeded", PlanID: "plan_x", ChargeID: "chg_x", CustomerID: "cust_x"}
	}
	return entries
}

// TestWithoutAnEndpointNothingMoreIsAsked counts statements: one for the entries, and with
// endpoints a number that does not grow with the entries or the endpoints, but for the limit on
// parameters.
func TestWithoutAnEndpointNothingMoreIsAsked(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, s *store.Store) {
		now := time.Now()
		count := func(entries int) int {
			seen, err := s.Recorded(t.Context(), func(tx billing.Tx) {
				require.NoError(t, tx.InsertAudit(t.Context(), happened(now, entries)...))
			})
			require.NoError(t, err)
			return len(seen)
		}
		require.Equal(t, 1, count(1))
		require.Equal(t, 1, count(40))
		addEndpoint(t, s, now)
		one := count(1)
		require.LessOrEqual(t, one, 7, "entry, endpoints, plan, charge, customer, message, delivery")
		addEndpoint(t, s, now)
		require.Equal(t, one, count(10))
		seen, err := s.Recorded(t.Context(), func(tx billing.Tx) {
			require.NoError(t, tx.InsertAudit(t.Context(), billing.AuditEntry{At: now, Action: "event.ignored"}))
		})
		require.NoError(t, err)
		require.Len(t, seen, 1, "an entry that no endpoint receives")
	})
}
