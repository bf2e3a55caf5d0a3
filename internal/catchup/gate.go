// Package catchup holds charges back while the database may lack events that Stripe has: at every
// start, after a change of server, and when a witness outside the database shows that the database
// went back in time. Charges wait until Stripe's events are stored and handled. If the events do
// not reach back far enough, charges wait until Stripe's payments were compared.
package catchup

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"tranche/internal/backfill"
	"tranche/internal/billing"
	"tranche/internal/clock"
	"tranche/internal/reconcile"
)

// SweepJob is the name of the periodic job that reads Stripe's events. Its cursor is where a
// catch-up begins.
const SweepJob = "sweep"

const (
	// lookEvery is the real time between two checks of the witness and the incarnation while charges
	// are made.
	lookEvery = 10 * time.Second
	// pollEvery is the real time between two checks for events that are not handled yet.
	pollEvery = 100 * time.Millisecond
	// firstRetry and lastRetry are the shortest and longest real time between two tries to catch up;
	// it doubles with each try.
	firstRetry = time.Second
	lastRetry  = 30 * time.Second
	// window is the period of Stripe's payments that is compared at once; an interrupted comparison
	// resumes at the last window.
	window = 7 * 24 * time.Hour
	// before is how long before the last known event the comparison of payments begins: older payments
	// may have been refunded since.
	before = 30 * 24 * time.Hour
)

// Store is the database, as a Gate needs it.
type Store interface {
	billing.RewindStore
	billing.BindingStore
	billing.Ledger
	KnownEvents(ctx context.Context, ids ...string) ([]string, error)
}

// Config configures a Gate. Witness and Pause may be nil; the rest is required.
type Config struct {
	Store   Store
	Record  billing.Record
	Types   []string // of the events that are used
	Witness Witness
	Clock   clock.Clock
	Log     zerolog.Logger
	// Pause waits between two checks for events that are not handled yet; nil waits for pollEvery.
	Pause func(ctx context.Context) error
}

// HeldError reports why no charge is made now.
type HeldError struct {
	Why string
	For time.Duration // how long charges have waited, in real time
}

// RetryIn returns the real time after which a waiting charge is tried again: the longer charges
// have waited, the later.
func (e *HeldError) RetryIn() time.Duration { return min(max(e.For/2, firstRetry), lastRetry) }

// Error names what charges wait for.
func (e *HeldError) Error() string {
	return "charges wait until Stripe's record is caught up: " + e.Why
}

// Gate allows charges once the database has caught up with Stripe. It is safe for concurrent use.
type Gate struct {
	Config

	mu    sync.Mutex
	held  string    // why it is closed; empty while it is open
	since time.Time // when it was closed, in real time
	moves int64     // the Moves of the store when it was opened
	doubt time.Time // when the newest known rewind was found
}

// New makes a closed gate. Run opens it.
func New(c Config) *Gate {
	if c.Pause == nil {
		c.Pause = pause
	}
	return &Gate{Config: c, held: "the catch-up has not started", since: c.Clock.Wall()}
}

// Check returns nil while charges may be made. It makes no query and no call. Errors: *HeldError.
func (g *Gate) Check(context.Context) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.held == "" && g.Store.Moves() != g.moves {
		g.held, g.since = "the database answers from another server, or was restarted", g.Clock.Wall()
	}
	if g.held != "" {
		return &HeldError{Why: g.held, For: g.Clock.Wall().Sub(g.since)}
	}
	return nil
}

// Held returns why charges wait, and since when in real time; "" while charges are made.
func (g *Gate) Held() (why string, since time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.held, g.since
}

// Doubt returns when the database was last found to have gone back in time: rows that were written
// before may lack payments that were made since. It returns zero if that never happened.
func (g *Gate) Doubt() time.Time {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.doubt
}

// Note records a committed attempt with the witness. Charges are made even if the witness can't be
// reached.
func (g *Gate) Note(ctx context.Context, id billing.AttemptID) {
	if g.Witness == nil {
		return
	}
	if err := g.Witness.Note(ctx, Mark{Attempt: id, At: g.Clock.Now()}); err != nil {
		g.Log.Debug().Err(err).Msg("witness not reached")
	}
}

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

func (g *Gate) close(why string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.held == "" {
		g.since = g.Clock.Wall()
	}
	g.held = why
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

// pause waits for pollEvery.
func pause(ctx context.Context) error {
	timer := time.NewTimer(pollEvery)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
