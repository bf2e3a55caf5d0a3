package billing

import (
	"context"
	"time"
)

// Chore is a periodic job that one process runs for all, such as reading Stripe's event list.
type Chore struct {
	Name string
	// Cursor is how far the job has come, in its own terms; zero before it first finished.
	Cursor time.Time
	// Lease counts the claims of the job. A process with an older lease has lost the job.
	Lease int64
}

// ChoreStore makes sure that a periodic job runs in one process at a time, and that another process
// takes over when that one dies.
type ChoreStore interface {
	// ClaimChore claims the job until until, if it is due at now; ok reports whether it did. Of
	// several concurrent callers, one gets the job. An unknown job is due, and so is a job whose
	// next run is after latest, because only a wrong clock can have set that.
	ClaimChore(ctx context.Context, name string, now, until, latest time.Time) (c Chore, ok bool, err error)
	// ExtendChore extends the lease of a claimed job to until. Errors: ErrConflict when another
	// process has claimed it since.
	ExtendChore(ctx context.Context, c Chore, until time.Time) error
	// FinishChore records how far the job has come and when it is due next. Errors: ErrConflict, as
	// ExtendChore.
	FinishChore(ctx context.Context, c Chore, cursor, next time.Time) error
}
