package billing

import (
	"context"
	"time"
)

// Rewind is one time at which the database was found to have gone back: what was committed last was
// not in it any more, as after a restored backup or a failover to a standby that lagged behind.
type Rewind struct {
	ID      string    // rew_…
	FoundAt time.Time // whatever was written before it may be missing
	GoodAt  time.Time // the last record before the loss that is known; zero when none is
	How     string    // what showed it, in words
	// Missing counts the attempts that the record outside the database names and the database does
	// not hold; 0 when not known.
	Missing int
	// CaughtUpAt is when everything that Stripe knew was stored and handled; zero while charges
	// wait for that.
	CaughtUpAt time.Time
}

// NewRewindID makes a rewind's id at the given time.
func NewRewindID(now time.Time) string { return "rew_" + newID(now) }

// Lineage tells one database and its later states from every other.
type Lineage struct {
	Token       string // made at random with the database; a backup has the same
	Incarnation string // as the engine had it when it was last looked at; see RewindStore.Incarnation
	// ReconcileFrom is the time from which Stripe's payments are compared before anything is
	// charged, because its events do not reach back so far; zero when nothing is to be compared.
	ReconcileFrom time.Time
}

// RewindStore is what is asked of a database that may have gone back in time. Errors:
// ErrUnavailable.
type RewindStore interface {
	// Lineage reads the database's lineage, and makes it at the first use.
	Lineage(ctx context.Context) (Lineage, error)
	// SetIncarnation remembers the present incarnation.
	SetIncarnation(ctx context.Context, incarnation string) error
	// SetReconcileFrom changes Lineage.ReconcileFrom. Zero means that the comparison has ended.
	SetReconcileFrom(ctx context.Context, from time.Time) error
	// Incarnation is a name that changes when the tables are restored, another server takes over,
	// or the server begins again. It may change without a loss. Empty where the engine has none.
	Incarnation(ctx context.Context) (string, error)
	// Moves counts the servers that this process was connected to. It asks nothing.
	Moves() int64

	// KnownAttempts returns those of the ids that are in the database.
	KnownAttempts(ctx context.Context, ids ...AttemptID) ([]AttemptID, error)
	// PendingEvents counts the events that arrived until then and were neither handled nor tried often.
	PendingEvents(ctx context.Context, until time.Time) (int, error)
	// ChoreCursor is how far a periodic job has come; zero when it never ended.
	ChoreCursor(ctx context.Context, name string) (time.Time, error)

	// InsertRewind writes what was found.
	InsertRewind(ctx context.Context, r Rewind) error
	// EndRewinds notes that what is known until now was caught up.
	EndRewinds(ctx context.Context, now time.Time) error
	// Rewinds lists rewinds, newest first, MaxPage at most.
	Rewinds(ctx context.Context) ([]Rewind, error)
}
