package billing

import (
	"context"
	"time"
)

// Chore is work that comes back at its time and that one process does for all, such as reading
// Stripe's event list.
type Chore struct {
	Name string
	// Cursor is how far the chore has come, in its own terms; zero before it was first finished.
	Cursor time.Time
	// Lease counts how often the chore was claimed: whoever has an older one has lost it.
	Lease int64
}

// ChoreStore keeps chores from being done twice at once, and from being forgotten when who did them
// died.
type ChoreStore interface {
	// ClaimChore takes the chore when it is due at now, until until; ok says whether it did. Of
	// many at once one gets it. A chore nobody has heard of is due, and so is one that would wake
	// after latest: a wrong clock put it to sleep.
	ClaimChore(ctx context.Context, name string, now, until, latest time.Time) (c Chore, ok bool, err error)
	// ExtendChore keeps a claimed chore until until. Errors: ErrConflict when somebody else has it
	// by now.
	ExtendChore(ctx context.Context, c Chore, until time.Time) error
	// FinishChore writes how far the chore has come and when it is due next. Errors: ErrConflict as
	// above.
	FinishChore(ctx context.Context, c Chore, cursor, next time.Time) error
}
