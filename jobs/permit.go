package jobs

import (
	"context"
	"errors"

	"github.com/hibiken/asynq"

	"tranche/internal/collect"
)

// maxHandedOn is how often a task is handed on to another process. After that the task is dropped,
// and its row is claimed again when the lease ends.
const maxHandedOn = 4

// takesPart returns a processor that does nothing while this process takes no part. The queue hands
// the task on to another process. A task that no process accepts is dropped: its row comes back
// when the lease ends.
func (w *Worker) takesPart(process processor) processor {
	return func(ctx context.Context, id string, lease int64) error {
		err := w.permits.NotTakingPart(ctx)
		if err == nil {
			err = process(ctx, id, lease)
		}
		if handedOn, _ := asynq.GetRetryCount(ctx); errors.Is(err, collect.ErrNotTakingPart) && handedOn >= maxHandedOn {
			return nil
		}
		return err
	}
}

// permitted returns a processor that does nothing while Permits.Act fails for this database. The
// row stays as it is and comes back when its lease ends.
func (w *Worker) permitted(process processor) processor {
	return w.takesPart(func(ctx context.Context, id string, lease int64) error {
		if err := w.permits.NotActing(ctx); err != nil {
			w.log.Warn().Err(err).Str("id", id).Msg("task skipped: not permitted for this database")
			return nil
		}
		return process(ctx, id, lease)
	})
}
