package catchup

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tranche/internal/backfill"
	"tranche/internal/billing"
	"tranche/internal/reconcile"
)

const (
	// lookEvery is the real time between two checks of the witness and the incarnation while charges
	// are made.
	lookEvery = 10 * time.Second
	// window is the period of Stripe's payments that is compared at once; an interrupted comparison
	// resumes at the last window.
	window = 7 * 24 * time.Hour
	// before is how long before the last known event the comparison of payments begins: older payments
	// may have been refunded since.
	before = 30 * 24 * time.Hour
)

// Run catches up and opens the gate, and closes it again when it finds that the database went back
// in time, until ctx is done.
func (g *Gate) Run(ctx context.Context) {
	pause := firstRetry
	for ctx.Err() == nil {
		wait := lookEvery
		if g.Check(ctx) != nil {
			if err := g.CatchUp(ctx); err != nil {
				g.close(err.Error())
				g.Log.Warn().Err(err).Msg("charges wait: Stripe's record is not caught up yet")
				wait, pause = pause, min(2*pause, lastRetry)
			}
		} else if err := g.look(ctx); err != nil {
			g.Log.Warn().Err(err).Msg("cannot check whether the database went back in time")
		}
		if g.Check(ctx) == nil {
			pause = firstRetry
		} else if wait == lookEvery {
			wait = 0 // the gate was closed just now
		}
		g.sleep(ctx, wait)
	}
}

// sleep waits for a real time, or until the gate closes because of another server.
func (g *Gate) sleep(ctx context.Context, wait time.Duration) {
	until := g.Clock.Wall().Add(wait)
	open := g.Check(ctx) == nil
	for ctx.Err() == nil && g.Clock.Wall().Before(until) {
		timer := time.NewTimer(min(until.Sub(g.Clock.Wall()), time.Second))
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
		timer.Stop()
		if open && g.Check(ctx) != nil {
			return
		}
	}
}

// CatchUp stores events that the database lacks, waits until they are handled, and opens the gate.
// Workers handle the events meanwhile. Errors: *billing.GatewayError, billing.ErrUnavailable; the
// gate then stays closed.
func (g *Gate) CatchUp(ctx context.Context) error {
	moves := g.Store.Moves()
	if err := g.look(ctx); err != nil {
		return err
	}
	began := g.Clock.Now()
	g.close("reading Stripe's events")
	if err := g.read(ctx, began); err != nil {
		return err
	}
	if err := g.handled(ctx, g.Clock.Now()); err != nil {
		return err
	}
	if err := g.Store.EndRewinds(ctx, g.Clock.Now()); err != nil {
		return err
	}
	g.mu.Lock()
	g.held, g.moves = "", moves
	g.mu.Unlock()
	g.Log.Info().Msg("Stripe's record is caught up: charges are made")
	return nil
}

// read stores Stripe's events since the last sweep.
func (g *Gate) read(ctx context.Context, began time.Time) error {
	cursor, err := g.Store.PeriodicJobCursor(ctx, SweepJob)
	if err != nil {
		return err
	}
	binding, err := g.Store.Binding(ctx)
	if err != nil && !errors.Is(err, billing.ErrNotFound) {
		return err
	}
	known := cursor
	if known.IsZero() {
		known = binding.BoundAt
	}
	if err := NoteUnseen(ctx, g.Store, known, began); err != nil {
		return err
	}
	_, err = backfill.Run(ctx, g.Record, g.Store, backfill.Options{
		Since: backfill.Since(cursor, binding.BoundAt, began), Now: g.Clock.Now, Types: g.Types,
	})
	if billing.NotOffered(err) { // a restricted key may read payments but not events
		g.Log.Warn().Err(err).Msg("events cannot be read: payments are compared instead")
		return g.compare(ctx, backfill.Since(cursor, binding.BoundAt, began), began, false)
	}
	if err != nil {
		return err
	}
	lineage, err := g.Store.Lineage(ctx)
	if err != nil || lineage.ReconcileFrom.IsZero() {
		return err
	}
	return g.compare(ctx, lineage.ReconcileFrom, began, true)
}

// NoteUnseen records that Stripe's events do not reach back to the last sweep, before the next
// sweep moves the cursor. Payments are then compared from there.
func NoteUnseen(ctx context.Context, store billing.RewindStore, cursor, now time.Time) error {
	if cursor.IsZero() || cursor.Add(-backfill.Overlap).After(now.Add(-billing.EventHistory)) {
		return nil
	}
	lineage, err := store.Lineage(ctx)
	if err != nil || !lineage.ReconcileFrom.IsZero() && lineage.ReconcileFrom.Before(cursor) {
		return err
	}
	return store.SetReconcileFrom(ctx, cursor.Add(-before))
}

// CompareAfterBind requires a comparison with Stripe's payments before anything is charged on a
// database that was bound to another place or key: from the last sweep, or from the earlier
// binding. A database that was never bound needs no comparison.
func CompareAfterBind(ctx context.Context, store billing.RewindStore, held billing.Binding) error {
	if held.BoundAt.IsZero() {
		return nil
	}
	from, err := store.PeriodicJobCursor(ctx, SweepJob)
	if err != nil {
		return err
	}
	if from.IsZero() {
		from = held.BoundAt
	}
	lineage, err := store.Lineage(ctx)
	if err != nil || !lineage.ReconcileFrom.IsZero() && lineage.ReconcileFrom.Before(from) {
		return err
	}
	return store.SetReconcileFrom(ctx, from.Add(-backfill.Overlap))
}

// compare compares Stripe's payments with the charges, window by window, and queues an event for
// each difference. It has no grace period for recent changes, because the row of a waiting charge
// changes all the time. With keep, the progress is stored.
func (g *Gate) compare(ctx context.Context, from, to time.Time, keep bool) error {
	for from.Before(to) {
		end := from.Add(window)
		if !end.Before(to) {
			end = to.Add(time.Second)
		}
		g.close(fmt.Sprintf("comparing Stripe's payments since %s", from.UTC().Format(time.DateOnly)))
		_, err := reconcile.Run(ctx, g.Record, g.Store, reconcile.Options{
			From: from, To: end, Now: g.Clock.Now, Grace: -time.Hour, Found: g.found,
		})
		if err != nil {
			return err
		}
		if from = end; keep && from.Before(to) {
			if err := g.Store.SetReconcileFrom(ctx, from); err != nil {
				return err
			}
		}
	}
	if keep {
		return g.Store.SetReconcileFrom(ctx, time.Time{})
	}
	return nil
}

func (g *Gate) found(f reconcile.Finding) error {
	g.Log.Warn().Str("finding", string(f.Kind)).Str("charge", string(f.Charge)).Str("payment_intent", f.PaymentIntent).
		Str("outcome", string(f.Outcome)).Msg("our record and Stripe's differ")
	return nil
}

// handled waits until the events that arrived by then are handled. It does not wait for an event
// that fails repeatedly.
func (g *Gate) handled(ctx context.Context, until time.Time) error {
	for {
		n, err := g.Store.PendingEvents(ctx, until)
		if err != nil || n == 0 {
			return err
		}
		g.close(fmt.Sprintf("%d of Stripe's events are not handled yet", n))
		if err := g.Pause(ctx); err != nil {
			return err
		}
	}
}
