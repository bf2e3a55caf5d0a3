package billing

import (
	"fmt"
	"slices"
	"time"
)

// chargeTransitions is the table of allowed transitions of a charge. Succeeded is final except for
// later reports from Stripe (refund, dispute), so that neither a late event nor a slow worker can
// undo a payment.
var chargeTransitions = map[ChargeStatus][]ChargeStatus{
	ChargeScheduled:             {ChargeCollecting, ChargeRequiresPaymentMethod, ChargeRequiresAction, ChargeSucceeded, ChargeFailed, ChargeCanceled},
	ChargeCollecting:            {ChargeRetrying, ChargeRequiresAction, ChargeRequiresPaymentMethod, ChargeSucceeded, ChargeFailed, ChargeCanceled},
	ChargeRetrying:              {ChargeCollecting, ChargeRequiresAction, ChargeRequiresPaymentMethod, ChargeSucceeded, ChargeFailed, ChargeCanceled},
	ChargeRequiresAction:        {ChargeRetrying, ChargeRequiresPaymentMethod, ChargeSucceeded, ChargeFailed, ChargeCanceled},
	ChargeRequiresPaymentMethod: {ChargeRetrying, ChargeRequiresAction, ChargeSucceeded, ChargeFailed, ChargeCanceled},
	ChargeFailed:                {ChargeRetrying, ChargeRequiresAction, ChargeRequiresPaymentMethod, ChargeSucceeded, ChargeCanceled},
	ChargeCanceled:              {ChargeSucceeded}, // the customer's payment was already in flight
	ChargeSucceeded:             {ChargeRefunded, ChargeDisputed},
	ChargeDisputed:              {ChargeSucceeded, ChargeRefunded},
	ChargeRefunded:              {ChargeDisputed, ChargeSucceeded}, // succeeded again when the refund failed
}

// CanBecome reports whether a charge may go from status s to status to. Keeping a status is not a
// transition.
func (s ChargeStatus) CanBecome(to ChargeStatus) bool {
	return slices.Contains(chargeTransitions[s], to)
}

// Paid reports whether the money was received and is neither refunded in full nor disputed.
func (s ChargeStatus) Paid() bool { return s == ChargeSucceeded }

// Settled reports whether the money was received, including charges that were refunded or disputed
// since.
func (s ChargeStatus) Settled() bool {
	return s == ChargeSucceeded || s == ChargeRefunded || s == ChargeDisputed
}

// Ended reports whether nothing more happens to the charge by itself.
func (s ChargeStatus) Ended() bool {
	switch s {
	case ChargeSucceeded, ChargeCanceled, ChargeRefunded, ChargeDisputed:
		return true
	}
	return false
}

// Owed reports whether the charge fell due, was not paid, and needs the customer or a retry. A
// charge stays owed while a retry is in flight.
func (c Charge) Owed() bool {
	switch c.Status {
	case ChargeRetrying, ChargeRequiresAction, ChargeRequiresPaymentMethod, ChargeFailed:
		return true
	case ChargeCollecting:
		return c.DeclineCode != ""
	}
	return false
}

// Move sets the status of the charge, with the reason and the time of the next attempt; a zero next
// means that none is planned. Errors: ErrConflict when the transition is not allowed, and for
// ChargeCanceled, which only Cancel sets.
func (c *Charge) Move(to ChargeStatus, reason string, next time.Time) error {
	if to == ChargeCanceled {
		return fmt.Errorf("charge %s: use Cancel: %w", c.ID, ErrConflict)
	}
	return c.moveTo(to, reason, next)
}

// moveTo implements Move and Cancel. It checks the transition.
func (c *Charge) moveTo(to ChargeStatus, reason string, next time.Time) error {
	if c.Status != to && !c.Status.CanBecome(to) {
		return fmt.Errorf("charge %s: %s to %s: %w", c.ID, c.Status, to, ErrConflict)
	}
	c.Status, c.Reason, c.NextAttemptAt, c.ClaimAfter = to, reason, next, next
	return nil
}

// planTransitions is the table of allowed transitions of a plan.
var planTransitions = map[PlanStatus][]PlanStatus{
	PlanAwaitingFirstPayment: {PlanActive, PlanCanceled},
	PlanActive:               {PlanPastDue, PlanPaused, PlanCompleted, PlanCanceled},
	PlanPastDue:              {PlanActive, PlanPaused, PlanCompleted, PlanCanceled, PlanDefaulted},
	PlanPaused:               {PlanActive, PlanPastDue, PlanCompleted, PlanCanceled},
	PlanDefaulted:            {PlanActive, PlanPastDue, PlanCompleted, PlanCanceled},
}

// CanBecome reports whether a plan may go from status s to status to. Keeping a status is not a
// transition.
func (s PlanStatus) CanBecome(to PlanStatus) bool { return slices.Contains(planTransitions[s], to) }

// StatusAfter returns the plan's status that follows from its charges: completed when all are paid
// (or canceled, with at least one paid), canceled when none is left to pay and none was paid, past
// due while one is owed. A paused, canceled or defaulted plan keeps its status until an operation
// changes it, but full payment completes it.
func (p Plan) StatusAfter(charges []Charge) PlanStatus {
	next := p.statusOf(charges)
	if next != p.Status && !p.Status.CanBecome(next) {
		return p.Status
	}
	return next
}

func (p Plan) statusOf(charges []Charge) PlanStatus {
	open, owed, paid := !p.Recurrence.IsZero(), false, false // more charges follow a recurrence
	for _, c := range charges {
		open = open || !c.Status.Ended()
		owed = owed || c.Owed()
		paid = paid || c.Status == ChargeSucceeded || c.Status == ChargeDisputed
	}
	switch {
	case !open && paid:
		return PlanCompleted
	case !open:
		return PlanCanceled
	case p.Status.Collects() && owed:
		return PlanPastDue
	case p.Status.Collects():
		return PlanActive
	}
	return p.Status
}
