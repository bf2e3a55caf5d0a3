package store_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/store"
	"tranche/internal/store/storetest"
)

func eachEngine(b *testing.B, run func(b *testing.B, s *store.Store)) {
	b.Helper()
	b.Run("sqlite", func(b *testing.B) { run(b, storetest.SQLite(b)) })
	b.Run("postgres", func(b *testing.B) { run(b, storetest.Postgres(b)) })
}

// BenchmarkClaimCharges claims 500 due charges at a time, of 10,000 in the table.
func BenchmarkClaimCharges(b *testing.B) {
	eachEngine(b, func(b *testing.B, s *store.Store) {
		const total, batch = 10_000, 500
		now := time.Now()
		addCharges(b, s, now, total)
		var claimed int
		for b.Loop() {
			// Each claim moves its rows behind all others, so some rows are always due.
			now = now.Add(time.Hour)
			claims, err := s.ClaimCharges(context.Background(), now, now.Add(time.Minute), batch)
			require.NoError(b, err)
			claimed += len(claims)
		}
		b.ReportMetric(float64(claimed)/b.Elapsed().Seconds(), "rows/s")
	})
}

// BenchmarkClaimNothing looks for due charges where none is due, which is what the scheduler does
// most of the time.
func BenchmarkClaimNothing(b *testing.B) {
	eachEngine(b, func(b *testing.B, s *store.Store) {
		now := time.Now()
		addCharges(b, s, now, 10_000)
		for b.Loop() {
			claims, err := s.ClaimCharges(context.Background(), now.Add(-time.Hour), now, 500)
			require.NoError(b, err)
			require.Empty(b, claims)
		}
	})
}

// addCharges adds due charges, ten to a plan.
func addCharges(b *testing.B, s *store.Store, now time.Time, total int) {
	b.Helper()
	ctx := context.Background()
	customer := billing.Customer{ID: billing.NewCustomerID(now), Reference: "r", CreatedAt: now, UpdatedAt: now}
	require.NoError(b, s.Update(ctx, func(tx billing.Tx) error {
		require.NoError(b, tx.InsertCustomer(ctx, customer))
		for range total / 10 {
			id := billing.NewPlanID(now)
			p := billing.Plan{
				ID: id, Reference: string(id), CustomerID: customer.ID, Kind: billing.KindInstallments, Status: billing.PlanActive,
				Currency: "usd", Total: 1000, CreatedAt: now, UpdatedAt: now,
			}
			charges := make([]billing.Charge, 10)
			for i := range charges {
				at := now.Add(time.Duration(i) * time.Minute)
				charges[i] = billing.Charge{
					ID: billing.NewChargeID(now), PlanID: id, CustomerID: customer.ID, Sequence: i + 1, Amount: 100, Currency: "usd",
					DueAt: at, Status: billing.ChargeScheduled, NextAttemptAt: at, ClaimAfter: at, CreatedAt: now, UpdatedAt: now,
				}
			}
			require.NoError(b, tx.InsertPlan(ctx, p, charges))
		}
		return nil
	}))
	_, err := s.Pool().ExecContext(ctx, "ANALYZE")
	require.NoError(b, err)
}

// BenchmarkInsertEvents stores events of 3 KB, a hundred at a time.
func BenchmarkInsertEvents(b *testing.B) {
	eachEngine(b, func(b *testing.B, s *store.Store) {
		const batch = 100
		now := time.Now()
		payload := []byte(`{"object": "event", "filler": "` + strings.Repeat("0123456789abcdef", 3*1024/16) + `"}`)
		events := make([]billing.Event, batch)
		n := 0
		for b.Loop() {
			for i := range events {
				n++
				events[i] = billing.Event{
					ID: fmt.Sprintf("evt_%020d", n), Type: "payment_intent.succeeded", ObjectID: "pi_1", APIVersion: "2023-10-16",
					Payload: payload, CreatedAt: now, ReceivedAt: now, Status: billing.EventPending, ClaimAfter: now,
				}
			}
			ids, err := s.InsertEvents(context.Background(), events)
			require.NoError(b, err)
			require.Len(b, ids, batch)
		}
		b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "events/s")
	})
}

// BenchmarkOutcome records the outcome of a charge as a worker does: lock, charge, attempt, audit
// entry.
func BenchmarkOutcome(b *testing.B) {
	eachEngine(b, func(b *testing.B, s *store.Store) {
		ctx, now := context.Background(), time.Now()
		addCharges(b, s, now, 10)
		plans, err := s.Plans(ctx, billing.PlanFilter{})
		require.NoError(b, err)
		charges, err := s.PlanCharges(ctx, plans[0].ID)
		require.NoError(b, err)
		charge, number := charges[0], 0
		for b.Loop() {
			number++
			require.NoError(b, s.Update(ctx, func(tx billing.Tx) error {
				if _, err := tx.LockPlan(ctx, charge.PlanID); err != nil {
					return err
				}
				if err := tx.UpdateCharge(ctx, charge); err != nil {
					return err
				}
				a := billing.Attempt{
					ID: billing.AttemptIDFor(charge.ID, number, billing.InitiatorMerchant), ChargeID: charge.ID, Number: number, Initiator: billing.InitiatorMerchant,
					Outcome: billing.OutcomeDeclined, CreatedAt: now,
				}
				if err := tx.InsertAttempt(ctx, a); err != nil {
					return err
				}
				return tx.InsertAudit(ctx, billing.AuditEntry{At: now, Actor: "worker", PlanID: charge.PlanID})
			}))
			charge.Version++
		}
	})
}
