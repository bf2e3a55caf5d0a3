package store

import (
	"context"

	"tranche/internal/billing"
)

// eraser is one erasure under way.
type eraser struct {
	*tx
	billing.Erasure
	done billing.Erased
}

func (w *eraser) doing() string { return "erase customer " + string(w.Customer.ID) }

// run carries a statement out and counts the rows.
func (w *eraser) run(ctx context.Context, count *int64, query string, args ...any) error {
	n, err := w.exec(ctx, w.doing(), query, args...)
	*count += n
	return err
}

// eachPlan runs a statement whose $1 is a plan.
func (w *eraser) eachPlan(ctx context.Context, count *int64, query string, args ...any) error {
	for _, p := range w.Plans {
		if err := w.run(ctx, count, query, append([]any{p.ID}, args...)...); err != nil {
			return err
		}
	}
	return nil
}
