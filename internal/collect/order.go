package collect

import (
	"fmt"
	"time"

	"tranche/internal/billing"
	"tranche/internal/planwork"
)

// A charge that waits for an earlier charge of its plan is checked again after these real times:
// inTurn while the earlier charge is being tried, nextTurn until then. The earlier charge may
// itself be deferred, so without a pause this charge would be claimed endlessly.
const (
	inTurn   = 10 * time.Second
	nextTurn = 2 * time.Second
)

// earlierDue returns a charge of the plan that fell due before this one, and is in flight or was
// not tried yet. It keeps charges in order that fell due together during an outage. nil means that
// no charge comes first.
func earlierDue(t *planwork.Tx, c *billing.Charge) *billing.Charge {
	if c.Status != billing.ChargeScheduled {
		return nil
	}
	for i := range t.Charges {
		other := &t.Charges[i]
		waiting := other.Status == billing.ChargeScheduled && !other.NextAttemptAt.IsZero() && !other.NextAttemptAt.After(t.Now)
		if other.Sequence < c.Sequence && (waiting || other.Status == billing.ChargeCollecting) {
			return other
		}
	}
	return nil
}

// waitFor defers a due charge until an earlier charge was tried. No attempt is spent.
func waitFor(t *planwork.Tx, c *billing.Charge, before billing.Charge) {
	c.Reason = fmt.Sprintf("charge %d comes first", before.Sequence)
	wait := nextTurn
	if before.Status == billing.ChargeCollecting {
		wait = inTurn
	}
	c.ClaimAfter = t.Now.Add(t.Work.Clock.Simulated(planwork.WithJitter(wait)))
	t.Touch(c)
}
