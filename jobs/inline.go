package jobs

import (
	"context"
	"fmt"

	"github.com/hibiken/asynq"

	"tranche/internal/billing"
)

// Do does the work of one task at once, without a queue in between. It is for a worker that lives
// through a plan on paper. Errors: the processor's own; a kind that there is none of.
func (w *Worker) Do(ctx context.Context, t billing.Task) error {
	process, ok := w.processors()[t.Kind]
	if !ok {
		return fmt.Errorf("there is no task of kind %q", t.Kind)
	}
	p, err := decode(asynq.NewTask(t.Kind, t.Payload))
	if err != nil {
		return err
	}
	return process(ctx, p.ID, p.Lease)
}
