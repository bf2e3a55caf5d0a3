package jobs

import "context"

// KindRetryCharge is the task that tries a declined charge again, on the same PaymentIntent. It has
// its own queue, so that many retries do not delay the charges that fall due.
const KindRetryCharge = "charge:retry"

// RetryCharge tries a declined charge again. The row holds everything the next attempt needs, so it
// does the same as CollectCharge.
func (w *Worker) RetryCharge(ctx context.Context, id string, lease int64) error {
	return w.CollectCharge(ctx, id, lease)
}
