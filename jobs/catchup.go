package jobs

import (
	"context"
	"fmt"
	"slices"

	"tranche/internal/billing"
	"tranche/internal/calendar"
	"tranche/internal/money"
)

// catchUp decides whether a due charge may be made now. A charge that was missed is deferred to its
// day, or skipped, as the plan's catch_up requires.
func (t *planTx) catchUp(ctx context.Context, c *billing.Charge) (bool, error) {
	// A fast clock turns a short delay into hours of simulated time. A delay of less than a lease is
	// no outage.
	moment := t.now.Sub(c.NextAttemptAt) <= t.worker.Clock.Simulated(t.worker.Lease)
	if moment || !c.Missed(t.now) || t.plan.CatchUp == billing.CatchUpAll {
		return true, nil
	}
	if t.plan.CatchUp == billing.CatchUpNone || t.plan.CatchUp == billing.CatchUpLatest && t.laterIsDue(c) {
		return false, t.skipMissed(c)
	}
	at, err := billing.NextCatchUp(ctx, t.Tx, *c, t.now, t.chargeTime(), t.location())
	if err != nil || !at.After(t.now) {
		return err == nil, err
	}
	why := "nothing ran when it fell due; missed charges of a customer are made one a day"
	t.audit(c, "charge.deferred", fmt.Sprintf("charge %d: %s", c.Sequence, why), "made "+t.local(at))
	return false, t.move(c, c.Status, why, at)
}

// chargeTime is the local time of day at which the plan charges.
func (t *planTx) chargeTime() calendar.LocalTime {
	return t.plan.ScheduleFor(t.charges, t.worker.Rules, t.location()).At
}

// laterIsDue reports whether a later period of the plan is due too.
func (t *planTx) laterIsDue(c *billing.Charge) bool {
	if next, _, ok := t.plan.Recurrence.Take(t.location(), t.worker.Rules.Holidays); ok && !next.DueAt.After(t.now) {
		return true
	}
	return slices.ContainsFunc(t.charges, func(other billing.Charge) bool {
		return other.Sequence > c.Sequence && other.Status == billing.ChargeScheduled && !other.DueAt.IsZero() && !other.DueAt.After(t.now)
	})
}

// skipMissed cancels a missed charge: its amount is no longer owed.
func (t *planTx) skipMissed(c *billing.Charge) error {
	t.keepAgreed()
	why := fmt.Sprintf("nothing ran when it fell due, and the plan's catch_up is %q", t.plan.CatchUp)
	if err := t.cancel(c, why); err != nil {
		return err
	}
	if t.plan.Total > c.Amount { // the last charge that counts stays in the total
		c.Dropped, t.plan.Total = true, t.plan.Total-c.Amount
	}
	what := fmt.Sprintf("charge %d of %s, due %s, is skipped: %s", c.Sequence, money.FormatAmount(c.Amount, c.Currency), t.local(c.DueAt), why)
	t.changeAgreed(what)
	t.audit(c, "charge.skipped", what, t.nextDue())
	return nil
}
