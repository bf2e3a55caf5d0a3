package followup

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"tranche/internal/billing"
	"tranche/internal/dunning"
	"tranche/internal/money"
	"tranche/internal/planwork"
)

// The steps of notices that a charge gets once at most.
const (
	stepFirst     = "first_request"
	stepReminder  = "reminder"
	stepFinal     = "final_notice"
	stepDefaulted = "plan_defaulted"
)

// Step does what is due for the charge id: it reminds a customer who has to act, sends the final
// notice, and gives up the plan at the deadline. No plan is given up without a final notice. A task
// with an older lease does nothing. Errors: billing.ErrConflict; billing.ErrUnavailable.
func (f *Follower) Step(ctx context.Context, id string, lease int64) error {
	row, err := f.Store.Charge(ctx, billing.ChargeID(id))
	if errors.Is(err, billing.ErrNotFound) {
		f.Log.Info().Str("charge", id).Msg("task dropped: its charge is gone")
		return nil
	}
	if err != nil {
		return err
	}
	return f.Do(ctx, row.PlanID, func(t *planwork.Tx) error {
		d, err := t.Dunning(ctx, row.ID)
		if err != nil || d.Status != billing.DunningOpen || d.Lease != lease {
			return err
		}
		c, err := t.Charge(row.ID)
		if err != nil {
			return err
		}
		return step(ctx, t, c, d)
	})
}

// step does what is due for one dunning and sets the time of its next step.
func step(ctx context.Context, t *planwork.Tx, c *billing.Charge, d billing.Dunning) error {
	policy, err := PinnedPolicy(ctx, t.Tx, d.Policy)
	if err != nil {
		return err
	}
	d.DeadlineAt = dunning.EndOfDay(d.DeadlineAt, t.Location())
	switch {
	case c.Status.Ended() || collectsNoMore(t.Plan.Status):
		return t.CloseDunning(ctx, d)
	case t.Plan.Status == billing.PlanPaused: // the deadline is suspended with the plan
		return scheduleStep(ctx, t, dunning.Postponed(d, 1, t.Location()), policy)
	case attemptFirst(t, c):
		d.ClaimAfter = t.Now.Add(t.Work.Clock.Simulated(t.Work.Lease))
		return t.UpdateDunning(ctx, d)
	case !d.HeldAt.IsZero() && !waitsForCustomer(c.Status):
		d.ClaimAfter = nextStep(t, d)
		return t.UpdateDunning(ctx, d)
	}
	d = dunning.Released(d, t.Now, t.Location())
	if err := enqueueDueNotice(ctx, t, c, &d, policy); err != nil {
		return err
	}
	if due(policy.GivesUpAt(c.ID, d.DeadlineAt, t.Location()), t.Now) {
		return giveUp(ctx, t, c, d, policy)
	}
	return scheduleStep(ctx, t, d, policy)
}

// attemptFirst reports whether an attempt at the charge is due or in flight, even if it is deferred
// or waits for Stripe. The attempt goes before any step of dunning, because its result may be the
// payment.
func attemptFirst(t *planwork.Tx, c *billing.Charge) bool {
	return c.Status == billing.ChargeCollecting || c.Status == billing.ChargeRetrying && due(c.NextAttemptAt, t.Now)
}

// heldCheck is the simulated wait before a suspended dunning is checked again.
const heldCheck = 24 * time.Hour

// nextStep returns the time of a dunning's next step.
func nextStep(t *planwork.Tx, d billing.Dunning) time.Time {
	if !d.HeldAt.IsZero() {
		return t.Now.Add(heldCheck)
	}
	return d.Next()
}

// waitsForCustomer reports whether a charge in this status waits for the customer alone.
func waitsForCustomer(s billing.ChargeStatus) bool {
	return s == billing.ChargeRequiresAction || s == billing.ChargeRequiresPaymentMethod
}

// scheduleStep writes a dunning with the time of its next step.
func scheduleStep(ctx context.Context, t *planwork.Tx, d billing.Dunning, policy dunning.Policy) error {
	d.ClaimAfter = d.Next()
	if d.ClaimAfter.Equal(d.DeadlineAt) {
		d.ClaimAfter = policy.GivesUpAt(d.ChargeID, d.DeadlineAt, t.Location())
	}
	return t.UpdateDunning(ctx, d)
}

// collectsNoMore reports whether a plan in this status has ended or was given up.
func collectsNoMore(s billing.PlanStatus) bool {
	return s == billing.PlanCanceled || s == billing.PlanCompleted || s == billing.PlanDefaulted
}

// enqueueDueNotice enqueues the reminder or the final notice that is due. If both are due, only the
// final notice is sent.
func enqueueDueNotice(ctx context.Context, t *planwork.Tx, c *billing.Charge, d *billing.Dunning, policy dunning.Policy) error {
	final := due(d.FinalAt, t.Now)
	if due(d.RemindAt, t.Now) {
		d.RemindAt = time.Time{}
		if !final {
			return enqueueReminder(ctx, t, c, *d)
		}
	}
	if !final {
		return nil
	}
	asked, err := wasRequested(ctx, t, c)
	if err != nil {
		return err
	}
	if !asked { // the final notice must not be the first request
		*d = dunning.Postponed(*d, 1, t.Location())
		return requestFirst(ctx, t, c, *d)
	}
	*d = policy.LateFinal(*d, t.Now, t.Location())
	d.FinalAt = time.Time{}
	return enqueueDunningNotice(ctx, t, c, *d, billing.NoticeFinal, stepFinal)
}

// wasRequested reports whether the customer was asked to pay a charge. A request that was dropped
// counts only if the final notice has waited for it.
func wasRequested(ctx context.Context, t *planwork.Tx, c *billing.Charge) (bool, error) {
	if t.Customer.Email == "" {
		return true, nil
	}
	for n, err := range billing.EachNotice(ctx, t.Tx, billing.NoticeFilter{Charge: c.ID}) {
		if err != nil {
			return false, err
		}
		if n.Kind.Requests() && n.Status != billing.NoticeDropped || n.Step == stepFirst {
			return true, nil
		}
	}
	return false, nil
}

// requestFirst asks for a payment that no notice has asked for yet.
func requestFirst(ctx context.Context, t *planwork.Tx, c *billing.Charge, d billing.Dunning) error {
	return enqueueDunningNotice(ctx, t, c, d, billing.NoticePaymentFailed, stepFirst)
}

// due reports whether a time is set and has come.
func due(at, now time.Time) bool { return !at.IsZero() && !at.After(now) }

// enqueueReminder asks a customer who has to act again. No reminder is sent while a retry is
// planned.
func enqueueReminder(ctx context.Context, t *planwork.Tx, c *billing.Charge, d billing.Dunning) error {
	switch c.Status {
	case billing.ChargeRequiresAction:
		return enqueueDunningNotice(ctx, t, c, d, billing.NoticeActionRequired, stepReminder)
	case billing.ChargeRequiresPaymentMethod, billing.ChargeFailed:
		return enqueueDunningNotice(ctx, t, c, d, billing.NoticePaymentFailed, stepReminder)
	}
	return nil
}

// enqueueDunningNotice enqueues a notice that names the deadline and the reason for the last
// failure.
func enqueueDunningNotice(ctx context.Context, t *planwork.Tx, c *billing.Charge, d billing.Dunning, kind billing.NoticeKind, step string) error {
	reason, err := lastReason(ctx, t, c)
	if err != nil {
		return err
	}
	n := t.DraftForCharge(c, kind, step, reason)
	if kind == billing.NoticeActionRequired {
		n.Step = billing.StepReminder // it is worded as a reminder
	}
	if kind != billing.NoticePlanDefaulted { // its last day to pay has passed
		n.Data.PayBy = d.DeadlineAt
	}
	t.Audit(c, "charge."+step, fmt.Sprintf("charge %d of %s is still unpaid: the customer is sent the %s notice",
		c.Sequence, money.FormatAmount(c.Amount, c.Currency), planwork.Spoken(kind)), atDeadline(t, d, step))
	return t.EnqueueNotice(ctx, n)
}

// atDeadline describes for the audit trail what the deadline brings.
func atDeadline(t *planwork.Tx, d billing.Dunning, step string) string {
	if step == stepDefaulted {
		return ""
	}
	return "the plan is given up " + t.Local(d.DeadlineAt)
}

// lastReason returns the reason for the last failure that the customer may see.
func lastReason(ctx context.Context, t *planwork.Tx, c *billing.Charge) (billing.Reason, error) {
	attempts, err := t.Attempts(ctx, c.ID)
	if err != nil {
		return "", err
	}
	for _, a := range slices.Backward(attempts) {
		switch a.Outcome {
		case billing.OutcomeDeclined:
			return dunning.Classify(a.Failure, "").Reason, nil
		case billing.OutcomeRequiresAction:
			return billing.ReasonAuthenticate, nil
		case billing.OutcomeError:
			if !waitsForCustomer(c.Status) {
				return billing.ReasonOurs, nil
			}
		}
	}
	return billing.ReasonNoCard, nil
}

// giveUp ends a dunning at its deadline, as the policy requires.
func giveUp(ctx context.Context, t *planwork.Tx, c *billing.Charge, d billing.Dunning, policy dunning.Policy) error {
	const why = "the policy's deadline passed without a payment"
	if err := t.Move(c, billing.ChargeFailed, why, time.Time{}); err != nil {
		return err
	}
	if policy.AtEnd == dunning.EndKeep {
		t.Audit(c, "charge.given_up", fmt.Sprintf("charge %d of %s: %s", c.Sequence,
			money.FormatAmount(c.Amount, c.Currency), why), "the later charges are made as planned; the customer can still pay this one")
		return t.CloseDunning(ctx, d)
	}
	if err := stopLater(t, policy.AtEnd); err != nil {
		return err
	}
	if policy.AtEnd == dunning.EndCancel {
		t.Plan.EndRecurrence()
	}
	t.Plan.Status, t.Plan.Reason = billing.PlanDefaulted, fmt.Sprintf("charge %d is unpaid and %s", c.Sequence, why)
	t.AuditPlan("plan.defaulted", fmt.Sprintf("plan %s is defaulted: charge %d of %s is unpaid and %s",
		t.Plan.Reference, c.Sequence, money.FormatAmount(c.Amount, c.Currency), why), endText(policy.AtEnd))
	if err := enqueueDunningNotice(ctx, t, c, d, billing.NoticePlanDefaulted, stepDefaulted); err != nil {
		return err
	}
	return t.CloseDunning(ctx, d)
}

// endText describes for the audit trail what happens to the later charges.
func endText(e dunning.End) string {
	if e == dunning.EndCancel {
		return "the later charges are canceled; the customer can still pay what is owed"
	}
	return "the later charges wait until the plan is resumed; the customer can still pay what is owed"
}

// stopLater clears the schedule of the other charges of a plan that is given up. A charge in flight
// keeps its outcome, and the final check before any further attempt finds the plan given up.
func stopLater(t *planwork.Tx, end dunning.End) error {
	for i := range t.Charges {
		c := &t.Charges[i]
		var err error
		switch {
		case c.Status == billing.ChargeScheduled && end == dunning.EndCancel:
			err = t.CancelCharge(c, "the plan was given up")
		case c.Status == billing.ChargeScheduled:
			err = t.Move(c, c.Status, "the plan was given up", time.Time{})
		case c.Status == billing.ChargeRetrying:
			err = t.Move(c, billing.ChargeFailed, "the plan was given up", time.Time{})
		}
		if err != nil {
			return err
		}
	}
	return nil
}
