//go:build !race

package store_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/store"
)

// TestABurstOfDeliveriesIsClaimedInBatches claims 10,000 deliveries; plan_test.go shows that each
// claim is one or two statements along an index.
func TestABurstOfDeliveriesIsClaimedInBatches(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, s *store.Store) {
		const total, batch = 10_000, 500
		now := time.Now()
		addEndpoint(t, s, now)
		require.NoError(t, s.Update(t.Context(), func(tx billing.Tx) error { return tx.InsertAudit(t.Context(), happened(now, total)...) }))
		seen := map[billing.DeliveryID]bool{}
		for range total / batch {
			claims, err := s.ClaimDeliveries(t.Context(), now, now.Add(time.Hour), batch)
			require.NoError(t, err)
			require.Len(t, claims, batch)
			for _, c := range claims {
				seen[c.DeliveryID] = true
			}
		}
		require.Len(t, seen, total)
		claims, err := s.ClaimDeliveries(t.Context(), now, now.Add(time.Hour), batch)
		require.NoError(t, err)
		require.Empty(t, claims)
	})
}
