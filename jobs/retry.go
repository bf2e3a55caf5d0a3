package jobs

import "context"

// KindRetryCharge is the task that tries a declined charge again, on the same PaymentIntent. It has
// a queue of its own, so that a wave of retries does not delay charges that fall due.
const KindRetryCharge = "charge:retry"

// RetryCharge tries a declined charge again. What a charge needs next is in its row, so this is
// CollectCharge.
func (w *Worker) RetryCharge(ctx context.Context, id string, lease int64) error {
	return w.CollectCharge(ctx, id, lease)
}
