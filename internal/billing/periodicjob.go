package billing

import (
	"context"
	"time"
)

// PeriodicJob is a periodic job that one process runs for all, such as reading Stripe's event list.
type PeriodicJob struct {
	Name string
	// Cursor is how far the job has come, in its own terms; zero before it first finished.
	Cursor time.Time
	// Lease counts the claims of the job. A process with an older lease has lost the job.
	Lease int64
}

// PeriodicJobStore makes sure that a periodic job runs in one process at a time, and that another
// process takes over when that one dies.
type PeriodicJobStore interface {
	// ClaimPeriodicJob claims the job until until, if it is due at now; ok reports whether it did. Of
	// several concurrent callers, one gets the job. An unknown job is due, and so is a job whose
	// next run is after latest, because only a wrong clock can have set that.
	ClaimPeriodicJob(ctx context.Context, name string, now, until, latest time.Time) (c PeriodicJob, ok bool, err error)
	// ExtendPeriodicJob extends the lease of a claimed job to until. Errors: ErrConflict when another
	// process has claimed it since.
	ExtendPeriodicJob(ctx context.Context, c PeriodicJob, until time.Time) error
	// FinishPeriodicJob records how far the job has come and when it is due next. Errors:
	// ErrConflict, as ExtendPeriodicJob.
	FinishPeriodicJob(ctx context.Context, c PeriodicJob, cursor, next time.Time) error
}
