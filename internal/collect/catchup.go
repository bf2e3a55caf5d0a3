package collect

import (
	"context"
	"fmt"
	"slices"

	"tranche/internal/billing"
	"tranche/internal/calendar"
	"tranche/internal/money"
	"tranche/internal/planwork"
)

// catchUp decides whether a due charge may be made now. A charge that was missed is deferred to its
// day, or skipped, as the plan's catch_up requires.
func catchUp(ctx context.Context, t *planwork.Tx, c *billing.Charge) (bool, error) {
	// A fast clock turns a short delay into hours of simulated time. A delay of less than a lease is no
	// outage.
	moment := t.Now.Sub(c.NextAttemptAt) <= t.Work.Clock.Simulated(t.Work.Lease)
	if moment || !c.Missed(t.Now) || t.Plan.CatchUp == billing.CatchUpAll {
		return true, nil
	}
	if t.Plan.CatchUp == billing.CatchUpNone || t.Plan.CatchUp == billing.CatchUpLatest && laterIsDue(t, c) {
		return false, skipMissed(t, c)
	}
	at, err := billing.NextCatchUp(ctx, t.Tx, *c, t.Now, chargeTime(t), t.Location())
	if err != nil || !at.After(t.Now) {
		return err == nil, err
	}
	why := "nothing ran when it fell due; missed charges of a customer are made one a day"
	t.Audit(c, "charge.deferred", fmt.Sprintf("charge %d: %s", c.Sequence, why), "made "+t.Local(at))
	return false, t.Move(c, c.Status, why, at)
}

// chargeTime is the local time of day at which the plan charges.
func chargeTime(t *planwork.Tx) calendar.LocalTime {
	return t.Plan.ScheduleFor(t.Charges, t.Work.Rules, t.Location()).At
}

// laterIsDue reports whether a later period of the plan is due too.
func laterIsDue(t *planwork.Tx, c *billing.Charge) bool {
	if next, _, ok := t.Plan.Recurrence.Take(t.Location(), t.Work.Rules.Holidays); ok && !next.DueAt.After(t.Now) {
		return true
	}
	return slices.ContainsFunc(t.Charges, func(other billing.Charge) bool {
		return other.Sequence > c.Sequence && other.Status == billing.ChargeScheduled && !other.DueAt.IsZero() && !other.DueAt.After(t.Now)
	})
}

// skipMissed cancels a missed charge: its amount is no longer owed.
func skipMissed(t *planwork.Tx, c *billing.Charge) error {
	t.KeepAgreed()
	why := fmt.Sprintf("nothing ran when it fell due, and the plan's catch_up is %q", t.Plan.CatchUp)
	if err := t.CancelCharge(c, why); err != nil {
		return err
	}
	if t.Plan.Total > c.Amount { // the last charge that counts stays in the total
		c.Dropped, t.Plan.Total = true, t.Plan.Total-c.Amount
	}
	what := fmt.Sprintf("charge %d of %s, due %s, is skipped: %s", c.Sequence, money.FormatAmount(c.Amount, c.Currency), t.Local(c.DueAt), why)
	t.ChangeAgreed(what)
	t.Audit(c, "charge.skipped", what, t.NextDue())
	return nil
}
