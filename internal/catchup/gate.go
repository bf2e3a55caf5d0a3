// Package catchup holds charges back while the database may know less than Stripe: at every start,
// after a change of server, and when a witness outside the database shows that the database went
// back in time. Charges wait until Stripe's events are stored and handled, and where these do not
// reach back so far, until Stripe's payments were compared.
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
	// lookEvery is the real time between two looks at the witness and the incarnation while charges
	// are made.
	lookEvery = 10 * time.Second
	// pollEvery is the real time between two looks at the events that are not handled yet.
	pollEvery = 100 * time.Millisecond
	// firstRetry and lastRetry bound the real time between two tries to catch up; it doubles from
	// try to try.
	firstRetry = time.Second
	lastRetry  = 30 * time.Second
	// window is how much of Stripe's payments is compared at once; a comparison that is interrupted
	// resumes there.
	window = 7 * 24 * time.Hour
	// before is how long before the last known event payments are compared: they may have been
	// refunded since.
	before = 30 * 24 * time.Hour
)

// Store is the database, as far as a gate asks it.
type Store interface {
	billing.RewindStore
	billing.BindingStore
	billing.Ledger
	KnownEvents(ctx context.Context, ids ...string) ([]string, error)
}

// Config is what a Gate works with. Witness may be nil; the rest is required.
type Config struct {
	Store   Store
	Record  billing.Record
	Types   []string // of the events that are used
	Witness Witness
	Clock   clock.Clock
	Log     zerolog.Logger
	// Pause passes the time between two looks at the events that are handled meanwhile; nil waits
	// for a moment.
	Pause func(ctx context.Context) error
}

// HeldError is why no charge is made now.
type HeldError struct {
	Why string
	For time.Duration // the real time for which charges have waited
}

// RetryIn is the real time after which a charge that waits is looked at again: soon at a start, and
// later the longer it lasts.
func (e *HeldError) RetryIn() time.Duration { return min(max(e.For/2, firstRetry), lastRetry) }

// Error says what charges wait for.
func (e *HeldError) Error() string {
	return "charges wait until Stripe's record is caught up: " + e.Why
}

// Gate lets charges pass once the database knows what Stripe knows. It is safe for concurrent use.
type Gate struct {
	Config

	mu    sync.Mutex
	held  string    // why it is closed; empty while it is open
	since time.Time // when it was closed, in real time
	moves int64     // the servers that were known when it was opened
	doubt time.Time // the newest rewind that is known
}

// New makes a gate, closed. Run opens it.
func New(c Config) *Gate {
	if c.Pause == nil {
		c.Pause = pause
	}
	return &Gate{Config: c, held: "it has not begun", since: c.Clock.Wall()}
}

// Check returns nil while charges may be made. It asks nothing and nobody. Errors: *HeldError.
func (g *Gate) Check(context.Context) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.held == "" && g.Store.Moves() != g.moves {
		g.held, g.since = "the database answers from another server, or began again", g.Clock.Wall()
	}
	if g.held != "" {
		return &HeldError{Why: g.held, For: g.Clock.Wall().Sub(g.since)}
	}
	return nil
}

// Held returns why charges wait, and since when in real time; "" while they are made.
func (g *Gate) Held() (why string, since time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.held, g.since
}

// Doubt returns the last time at which the database was found to have gone back: whatever was
// written before may lack what was paid for it. Zero when it never did.
func (g *Gate) Doubt() time.Time {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.doubt
}

// Note tells the witness of an attempt that was committed. A witness that can't be reached keeps no
// charge from being made.
func (g *Gate) Note(ctx context.Context, id billing.AttemptID) {
	if g.Witness == nil {
		return
	}
	if err := g.Witness.Note(ctx, Mark{Attempt: id, At: g.Clock.Now()}); err != nil {
		g.Log.Debug().Err(err).Msg("witness not reached")
	}
}

// Run catches up, opens the gate, and closes it again when the database is seen to have gone back,
// until ctx is done.
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
			g.Log.Warn().Err(err).Msg("not known whether the database went back")
		}
		if g.Check(ctx) == nil {
			pause = firstRetry
		} else if wait == lookEvery {
			wait = 0 // it was closed just now
		}
		g.sleep(ctx, wait)
	}
}

// sleep waits for a real time, and no longer than until another server is seen.
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

// CatchUp stores what Stripe knows and the database does not, waits until it is handled, and opens
// the gate. Others handle the events meanwhile. Errors: *billing.GatewayError,
// billing.ErrUnavailable; the gate then stays closed.
func (g *Gate) CatchUp(ctx context.Context) error {
	moves := g.Store.Moves()
	if err := g.look(ctx); err != nil {
		return err
	}
	began := g.Clock.Now()
	g.close("Stripe's events are read")
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

// read stores what Stripe knows since the last sweep.
func (g *Gate) read(ctx context.Context, began time.Time) error {
	cursor, err := g.Store.ChoreCursor(ctx, SweepJob)
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
	if billing.NotOffered(err) { // a restricted key may read payments and not events
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

// NoteUnseen remembers that Stripe's events do not reach back to the last sweep, before another
// sweep makes that forgotten. Payments are then compared from there.
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

// CompareAfterBind has Stripe's payments compared before anything is charged on a database that is
// bound to another place or key: from the last sweep, or from when the database was bound before.
// Nothing is compared for one that was never bound.
func CompareAfterBind(ctx context.Context, store billing.RewindStore, held billing.Binding) error {
	if held.BoundAt.IsZero() {
		return nil
	}
	from, err := store.ChoreCursor(ctx, SweepJob)
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
// each that differs, however new the charge's last change is: a charge that waits changes all the
// time. With keep, how far it has come is remembered.
func (g *Gate) compare(ctx context.Context, from, to time.Time, keep bool) error {
	for from.Before(to) {
		end := from.Add(window)
		if !end.Before(to) {
			end = to.Add(time.Second)
		}
		g.close(fmt.Sprintf("Stripe's payments since %s are compared", from.UTC().Format(time.DateOnly)))
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

// handled waits until the events that arrived until then were handled. One that fails again and
// again is not waited for.
func (g *Gate) handled(ctx context.Context, until time.Time) error {
	for {
		n, err := g.Store.PendingEvents(ctx, until)
		if err != nil || n == 0 {
			return err
		}
		g.close(fmt.Sprintf("%d events of Stripe's are to be handled", n))
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
