package planwork

import (
	"fmt"

	"tranche/internal/billing"
	"tranche/internal/money"
)

// Pause stops the plan's charges until the plan is resumed.
func (t *Tx) Pause(why string) {
	if !t.Plan.Status.Collects() {
		return
	}
	t.Plan.Status, t.Plan.Reason, t.Plan.PausedAt = billing.PlanPaused, why, t.Now
	t.AuditPlan("plan.paused", fmt.Sprintf("plan %s is paused: %s", t.Plan.Reference, why), "nothing is charged until it is resumed")
}

// ScheduleNext adds the next charge of a recurrence once the previous one is being collected. It
// adds more than one only if a charge other than the last was skipped.
func (t *Tx) ScheduleNext() {
	for {
		c, ok := t.Plan.NextCharge(t.Charges, t.Location(), t.Work.Rules.Holidays, t.Now)
		if !ok {
			return
		}
		t.Add(c)
		t.Audit(&c, "charge.scheduled",
			fmt.Sprintf("charge %d of %s falls due %s", c.Sequence, money.FormatAmount(c.Amount, c.Currency), t.Local(c.DueAt)), "")
	}
}

// settlePlan activates a plan whose first charge is paid, and cancels the open charges of a plan
// whose first charge was canceled. It then updates the plan's status from its charges.
func settlePlan(t *Tx) error {
	if t.Plan.Status == billing.PlanAwaitingFirstPayment {
		switch t.Charges[0].Status {
		case billing.ChargeSucceeded:
			t.Activate("the first payment arrived")
		case billing.ChargeCanceled:
			if err := cancelRest(t); err != nil {
				return err
			}
		}
	}
	followCharges(t)
	return nil
}

// followCharges sets the plan's status to the one that its charges imply.
func followCharges(t *Tx) {
	next := t.Plan.StatusAfter(t.Charges)
	if next == t.Plan.Status {
		return
	}
	t.Plan.Status = next
	t.AuditPlan("plan."+string(next), fmt.Sprintf("plan %s is %s", t.Plan.Reference, Spoken(next)), "")
}

// cancelRest cancels every open charge of a plan whose first payment was canceled.
func cancelRest(t *Tx) error {
	t.Plan.EndRecurrence()
	for i := range t.Charges {
		if c := &t.Charges[i]; !c.Status.Ended() {
			if err := t.CancelCharge(c, "the first payment was canceled"); err != nil {
				return err
			}
		}
	}
	return nil
}
