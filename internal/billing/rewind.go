package billing

import (
	"context"
	"time"
)

// Rewind records that the database was found to have gone back in time: the latest commits were
// missing, as after a restored backup or a failover to a lagging standby.
type Rewind struct {
	ID      string    // rew_…
	FoundAt time.Time // rows written before it may be missing
	GoodAt  time.Time // the last known record before the loss; zero when none is known
	How     string    // how it was found, in words
	// Missing counts the attempts in the record outside the database that the database does not
	// hold; 0 when not known.
	Missing int
	// CaughtUpAt is when everything that Stripe knew was stored and handled; zero while charges
	// wait for that.
	CaughtUpAt time.Time
}

// NewRewindID makes a rewind id at the given time.
func NewRewindID(now time.Time) string { return "rew_" + newID(now) }

// Lineage identifies one database and its later states.
type Lineage struct {
	Token       string // made at random with the database; a backup has the same
	Incarnation string // as last read from the engine; see RewindStore.Incarnation
	// ReconcileFrom is the time from which Stripe's payments are compared before anything is
	// charged, because Stripe's events do not reach back far enough; zero when no comparison is
	// pending.
	ReconcileFrom time.Time
}

// RewindStore detects and records that the database went back in time. Errors: ErrUnavailable.
type RewindStore interface {
	// Lineage reads the database's lineage, and creates it at first use.
	Lineage(ctx context.Context) (Lineage, error)
	// SetIncarnation stores the current incarnation.
	SetIncarnation(ctx context.Context, incarnation string) error
	// SetReconcileFrom sets Lineage.ReconcileFrom. Zero means that the comparison is finished.
	SetReconcileFrom(ctx context.Context, from time.Time) error
	// Incarnation returns a name that changes when the tables are restored, another server takes
	// over, or the server restarts. It may change without a loss. Empty if the engine has none.
	Incarnation(ctx context.Context) (string, error)
	// Moves counts the servers that this process was connected to. It makes no query.
	Moves() int64

	// KnownAttempts returns the ids that exist in the database.
	KnownAttempts(ctx context.Context, ids ...AttemptID) ([]AttemptID, error)
	// PendingEvents counts the events that arrived until a time and were neither handled nor tried
	// often.
	PendingEvents(ctx context.Context, until time.Time) (int, error)
	// PeriodicJobCursor returns how far a periodic job has come; zero when it never finished.
	PeriodicJobCursor(ctx context.Context, name string) (time.Time, error)

	// InsertRewind stores a rewind.
	InsertRewind(ctx context.Context, r Rewind) error
	// EndRewinds records that all rewinds found until now are caught up.
	EndRewinds(ctx context.Context, now time.Time) error
	// Rewinds lists rewinds, newest first, MaxPage at most.
	Rewinds(ctx context.Context) ([]Rewind, error)
}
