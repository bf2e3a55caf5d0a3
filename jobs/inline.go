package jobs

import (
	"context"
	"fmt"

	"github.com/hibiken/asynq"

	"tranche/internal/billing"
)

// Do runs one task at once, without a queue. It is for a worker that simulates a plan in memory.
// Errors: the processor's own; an unknown kind of task.
func (w *Worker) Do(ctx context.Context, t billing.Task) error {
	process, ok := w.processors()[t.Kind]
	if !ok {
		return fmt.Errorf("unknown kind of task %q", t.Kind)
	}
	p, err := decode(asynq.NewTask(t.Kind, t.Payload))
	if err != nil {
		return err
	}
	return process(ctx, p.ID, p.Lease)
}
