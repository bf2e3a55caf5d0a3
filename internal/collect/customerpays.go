package collect

import (
	"context"

	"tranche/internal/billing"
	"tranche/internal/planwork"
)

// codeAbandoned is the failure code of a customer's attempt that was begun on the recovery page and
// never got a PaymentIntent.
const codeAbandoned = "abandoned"

// leaveToCustomer defers a due charge while the recovery page creates the PaymentIntent that the
// customer will confirm: a second one that is created now could be paid as well. After a lease the
// page's request is over. The PaymentIntent may exist by then. It was not confirmed and its client
// secret was not handed out, and closing the attempt keeps it that way (see recovery.Service), so
// the next claim creates another one.
func leaveToCustomer(ctx context.Context, t *planwork.Tx, c *billing.Charge, a billing.Attempt) error {
	if until := a.SentAt.Add(t.Work.Clock.Simulated(t.Work.Lease)); t.Now.Before(until) && !t.InFuture(a.SentAt) {
		c.Reason, c.ClaimAfter = "the customer is about to pay it", until
		t.Touch(c)
		return nil
	}
	a.Outcome, a.FinishedAt = billing.OutcomeCanceled, t.Now
	a.Failure = billing.Failure{Code: codeAbandoned, Message: "the customer began a payment and did not continue it"}
	if err := t.UpdateAttempt(ctx, a); err != nil {
		return err
	}
	c.ClaimAfter = t.Now // the next claim begins an off-session attempt
	t.Touch(c)
	return nil
}
