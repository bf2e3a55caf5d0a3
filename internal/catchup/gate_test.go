package catchup_test

import (
	"context"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"tranche/internal/backfill"
	"tranche/internal/billing"
	"tranche/internal/catchup"
	"tranche/internal/clock"
	"tranche/internal/store"
	"tranche/internal/store/storetest"
	"tranche/internal/stripegw"
	"tranche/internal/stripesim"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// fixture is a gate on a real store and a real HTTP Stripe.
type fixture struct {
	*catchup.Gate
	store   *moving
	sim     *stripesim.Server
	gateway *stripegw.Gateway
	witness *catchup.FileWitness
	handled int // how often the gate waited for events
}

// moving is a store whose server a test can change.
type moving struct {
	*store.Store
	moves       int64
	incarnation string
}

// Moves returns the number of server changes.
func (s *moving) Moves() int64 { return s.moves }

// Incarnation returns the incarnation that the test sets, or the engine's.
func (s *moving) Incarnation(ctx context.Context) (string, error) {
	if s.incarnation != "" {
		return s.incarnation, nil
	}
	return s.Store.Incarnation(ctx)
}

func each(t *testing.T, test func(t *testing.T, f *fixture)) {
	t.Helper()
	t.Parallel()
	storetest.EachEngine(t, func(t *testing.T, s billing.Store) {
		own, ok := s.(*store.Store)
		require.True(t, ok)
		f := &fixture{store: &moving{Store: own}}
		f.sim = stripesim.New(stripesim.Options{Now: func() time.Time { return now }})
		server := httptest.NewServer(f.sim)
		t.Cleanup(func() { f.sim.Close(); server.Close() })
		gateway, err := stripegw.New(stripegw.Config{SecretKey: "sk_test_gate", APIBase: server.URL, HTTPTimeout: 5 * time.Second})
		require.NoError(t, err)
		f.gateway = gateway
		f.witness, err = catchup.OpenFile(filepath.Join(t.TempDir(), "witness"))
		require.NoError(t, err)
		t.Cleanup(func() { _ = f.witness.Close() })
		f.Gate = catchup.New(catchup.Config{
			Store: f.store, Record: stripegw.NewRecord(gateway, 0), Types: []string{"customer.created", "payment_intent.succeeded"}, Witness: f.witness,
			Clock: clock.New(time.Time{}, 0, func() time.Time { return now }), Log: zerolog.Nop(),
			Pause: func(ctx context.Context) error { f.handled++; return f.handle(ctx) },
		})
		test(t, f)
	})
}

// handle marks every pending event as handled.
func (f *fixture) handle(ctx context.Context) error {
	events, err := f.store.Events(ctx, billing.EventFilter{Status: billing.EventPending})
	if err != nil {
		return err
	}
	return f.store.Update(ctx, func(tx billing.Tx) error {
		for _, e := range events {
			e.Status, e.HandledAt, e.ClaimAfter = billing.EventHandled, now, time.Time{}
			if err := tx.UpdateEvent(ctx, e); err != nil {
				return err
			}
		}
		return nil
	})
}

// pending stores an event that was not handled yet.
func (f *fixture) pending(t *testing.T, id string, attempts int) {
	t.Helper()
	e := billing.Event{ID: id, Type: "payment_intent.succeeded", Status: billing.EventPending, CreatedAt: now, ReceivedAt: now, ClaimAfter: now}
	_, err := f.store.InsertEvents(t.Context(), []billing.Event{e})
	require.NoError(t, err)
	e.Attempts = attempts
	require.NoError(t, f.store.Update(t.Context(), func(tx billing.Tx) error { return tx.UpdateEvent(t.Context(), e) }))
}

// TestGate_Start requires that the gate is closed until the stored events are handled, except for
// an event that fails repeatedly.
func TestGate_Start(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		var held *catchup.HeldError
		require.ErrorAs(t, f.Check(t.Context()), &held)
		require.Positive(t, held.RetryIn())
		f.pending(t, "evt_1", 0)
		f.pending(t, "evt_bad", 3)
		require.NoError(t, f.CatchUp(t.Context()))
		require.NoError(t, f.Check(t.Context()))
		require.Equal(t, 1, f.handled)
		require.Zero(t, f.Doubt())
	})
}

// TestGate_StripeAway requires that the gate stays closed, with the reason.
func TestGate_StripeAway(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		require.NoError(t, f.sim.AddFault(stripesim.FaultRule{Action: stripesim.ActionServerError, Method: "GET", Path: "/v1/events", Count: 50}))
		require.ErrorIs(t, f.CatchUp(t.Context()), billing.ErrUnavailable)
		require.Error(t, f.Check(t.Context()))
		why, _ := f.Held()
		require.Contains(t, why, "events")
	})
}

// TestGate_WitnessMissing requires that the gate closes if a recorded attempt is not in the
// database, and that it names the loss.
func TestGate_WitnessMissing(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		require.NoError(t, f.CatchUp(t.Context()))
		f.Note(t.Context(), "att_lost")
		require.NoError(t, f.CatchUp(t.Context()))
		require.Equal(t, now, f.Doubt())
		rewinds, err := f.store.Rewinds(t.Context())
		require.NoError(t, err)
		require.Len(t, rewinds, 1)
		require.Equal(t, 1, rewinds[0].Missing)
		require.Equal(t, now, rewinds[0].CaughtUpAt)
		require.NoError(t, f.CatchUp(t.Context()))
		rewinds, err = f.store.Rewinds(t.Context())
		require.NoError(t, err)
		require.Len(t, rewinds, 1, "reported once")
	})
}

// TestGate_OtherIncarnation requires that the gate closes when tables were restored or another
// server took over.
func TestGate_OtherIncarnation(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		require.NoError(t, f.CatchUp(t.Context()))
		f.store.incarnation = "another"
		require.NoError(t, f.CatchUp(t.Context()))
		require.Equal(t, now, f.Doubt())
		lineage, err := f.store.Lineage(t.Context())
		require.NoError(t, err)
		require.Equal(t, "another", lineage.Incarnation)
	})
}

// TestGate_ServerMoves requires that the gate closes at once when a connection leads to another
// server.
func TestGate_ServerMoves(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		require.NoError(t, f.CatchUp(t.Context()))
		f.store.moves++
		require.ErrorContains(t, f.Check(t.Context()), "another server")
		require.NoError(t, f.CatchUp(t.Context()))
		require.NoError(t, f.Check(t.Context()))
	})
}

// TestGate_OlderThanEvents requires that payments are compared, from where an earlier comparison
// was interrupted, if Stripe's events do not reach back far enough.
func TestGate_OlderThanEvents(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		_, err := f.store.Bind(t.Context(), billing.Binding{BoundAt: now.AddDate(0, 0, -50)})
		require.NoError(t, err)
		_, err = f.store.Lineage(t.Context())
		require.NoError(t, err)
		require.NoError(t, f.sim.AddFault(stripesim.FaultRule{Action: stripesim.ActionServerError, Method: "GET", Path: "/v1/payment_intents", Count: 50}))
		require.Error(t, f.CatchUp(t.Context()))
		lineage, err := f.store.Lineage(t.Context())
		require.NoError(t, err)
		require.Equal(t, now.AddDate(0, 0, -80), lineage.ReconcileFrom)
		require.NoError(t, catchup.NoteUnseen(t.Context(), f.store, now, now), "a sweep does not make it forgotten")
		f.sim.ClearFaults()
		require.NoError(t, f.CatchUp(t.Context()))
		lineage, err = f.store.Lineage(t.Context())
		require.NoError(t, err)
		require.Zero(t, lineage.ReconcileFrom)
	})
}

// TestGate_ChangedNow requires that a charge that changed at this instant is compared too: the rows
// of waiting charges change all the time.
func TestGate_ChangedNow(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		customer := billing.Customer{ID: billing.NewCustomerID(now), Reference: "ada", CreatedAt: now, UpdatedAt: now}
		plan := billing.Plan{
			ID: billing.NewPlanID(now), Reference: "order-1", CustomerID: customer.ID, Kind: billing.KindInstallments, Currency: "usd", Total: 500,
			Status: billing.PlanActive, Terms: []byte("{}"), CreatedAt: now, UpdatedAt: now,
		}
		charge := billing.Charge{
			ID: billing.NewChargeID(now), PlanID: plan.ID, CustomerID: customer.ID, Sequence: 1, Amount: 500, Currency: "usd", DueAt: now,
			Status: billing.ChargeScheduled, CreatedAt: now, UpdatedAt: now,
		}
		require.NoError(t, f.store.Update(t.Context(), func(tx billing.Tx) error {
			if err := tx.InsertCustomer(t.Context(), customer); err != nil {
				return err
			}
			return tx.InsertPlan(t.Context(), plan, []billing.Charge{charge})
		}))
		_, err := f.store.Lineage(t.Context())
		require.NoError(t, err)
		require.NoError(t, f.store.SetReconcileFrom(t.Context(), now.AddDate(0, 0, -40)))
		pi, err := f.gateway.CreatePaymentIntent(t.Context(), "lost", billing.PaymentParams{
			Amount: 500, Currency: "usd", PaymentMethod: "pm_card_visa", OffSession: true, Metadata: charge.Metadata("order-1", "att_lost"),
		})
		require.NoError(t, err)
		require.Equal(t, billing.IntentSucceeded, pi.Status)
		require.NoError(t, f.CatchUp(t.Context()))
		_, err = f.store.Event(t.Context(), "rec_"+pi.ID+"_succeeded")
		require.NoError(t, err)
	})
}

// TestFileWitness requires that the newest marks survive a restart.
func TestFileWitness(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "witness")
	w, err := catchup.OpenFile(path)
	require.NoError(t, err)
	mark := func(n int) catchup.Mark {
		at := now.Add(time.Duration(n) * time.Second)
		return catchup.Mark{Attempt: billing.AttemptIDFor(billing.NewChargeID(at), 1, billing.InitiatorMerchant), At: at}
	}
	var all []catchup.Mark
	for n := range catchup.MaxMarks + 20 {
		all = append(all, mark(n))
		require.NoError(t, w.Note(t.Context(), all[n]))
	}
	require.NoError(t, w.Close())
	w, err = catchup.OpenFile(path)
	require.NoError(t, err)
	t.Cleanup(func() { _ = w.Close() })
	marks, err := w.Marks(t.Context())
	require.NoError(t, err)
	require.ElementsMatch(t, all[20:], marks)
	require.NoError(t, w.Forget(t.Context(), all[30], all[31]))
	last := mark(1000)
	require.NoError(t, w.Note(t.Context(), last))
	marks, err = w.Marks(t.Context())
	require.NoError(t, err)
	require.Len(t, marks, catchup.MaxMarks-2, "the oldest made room")
	require.Contains(t, marks, last)
	require.NotContains(t, marks, all[20])
}

// TestCompareAfterBind requires that payments are compared from the last sweep, or from the first
// binding, or from further back if an earlier comparison is unfinished.
func TestCompareAfterBind(t *testing.T) {
	day := func(n int) time.Time { return now.AddDate(0, 0, -n) }
	for name, tc := range map[string]struct{ bound, swept, from, want time.Time }{
		"never bound":              {swept: day(1)},
		"never swept":              {bound: day(50), want: day(50).Add(-backfill.Overlap)},
		"swept since":              {bound: day(50), swept: day(3), want: day(3).Add(-backfill.Overlap)},
		"a comparison is not done": {bound: day(50), swept: day(3), from: day(20), want: day(20)},
		"it has less to compare":   {bound: day(50), swept: day(3), from: day(1), want: day(3).Add(-backfill.Overlap)},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, f *fixture) {
				_, err := f.store.Lineage(t.Context())
				require.NoError(t, err)
				require.NoError(t, f.store.SetReconcileFrom(t.Context(), tc.from))
				if !tc.swept.IsZero() {
					f.sweptAt(t, tc.swept)
				}
				require.NoError(t, catchup.CompareAfterBind(t.Context(), f.store, billing.Binding{BoundAt: tc.bound}))
				lineage, err := f.store.Lineage(t.Context())
				require.NoError(t, err)
				require.Equal(t, tc.want, lineage.ReconcileFrom)
			})
		})
	}
}

// sweptAt has the last sweep begin at a time.
func (f *fixture) sweptAt(t *testing.T, at time.Time) {
	t.Helper()
	periodicJob, ok, err := f.store.ClaimPeriodicJob(t.Context(), catchup.SweepJob, now, now.Add(time.Minute), now.Add(time.Hour))
	require.NoError(t, err)
	require.True(t, ok)
	require.NoError(t, f.store.FinishPeriodicJob(t.Context(), periodicJob, at, now.Add(time.Hour)))
}
