// Package catchup holds charges back while the database may lack events that Stripe has: at every
// start, after a change of server, and when a witness outside the database shows that the database
// went back in time. Charges wait until Stripe's events are stored and handled. If the events do
// not reach back far enough, charges wait until Stripe's payments were compared.
package catchup

import (
	"context"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"tranche/internal/billing"
	"tranche/internal/clock"
)

// SweepJob is the name of the periodic job that reads Stripe's events. Its cursor is where a
// catch-up begins.
const SweepJob = "sweep"

const (
	// pollEvery is the real time between two checks for events that are not handled yet.
	pollEvery = 100 * time.Millisecond
	// firstRetry and lastRetry are the shortest and longest real time between two tries to catch up;
	// it doubles with each try.
	firstRetry = time.Second
	lastRetry  = 30 * time.Second
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

func (g *Gate) close(why string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.held == "" {
		g.since = g.Clock.Wall()
	}
	g.held = why
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
