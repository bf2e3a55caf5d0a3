package contract_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/stripeevents"
	"tranche/internal/stripegw"
)

// TestReadingTheRecordFitsTheDescription checks the requests of backfill and reconciliation, and
// the simulator's responses, against Stripe's description.
func TestReadingTheRecordFitsTheDescription(t *testing.T) {
	t.Parallel()
	s, stripe := openCheckedShop(t)
	p := s.plan("record")
	require.NoError(t, stripe.pay(p.FirstPayment.ClientSecret, cardGood))
	s.live(32)
	record := stripegw.NewRecord(s.gateway, time.Millisecond)
	events, payments := 0, 0
	since := s.clock.Now().Add(-billing.EventHistory)
	for types := range slices.Chunk(stripeevents.Types(), billing.MaxEventTypes) {
		require.NoError(t, record.Events(t.Context(), since, types, func(page []billing.Event) error {
			events += len(page)
			return nil
		}))
	}
	var last billing.RecordedPayment
	require.NoError(t, record.Payments(t.Context(), since.AddDate(-1, 0, 0), s.clock.Now(), func(page []billing.RecordedPayment) error {
		payments += len(page)
		last = page[0]
		return nil
	}))
	require.Positive(t, events)
	require.Equal(t, 2, payments)
	single, err := record.Payment(t.Context(), last.ID)
	require.NoError(t, err)
	last.RequestID, single.RequestID = "", ""
	require.Equal(t, last, single)
	require.Empty(t, stripe.broken)
	require.True(t, stripe.seen["GET /v1/events"])
}
