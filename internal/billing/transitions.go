package billing

import (
	"fmt"
	"slices"
	"time"
)

// chargeTransitions says what a charge may become. Succeeded is final but for what Stripe tells
// later (refund, dispute): no late event and no slow worker takes a payment back.
var chargeTransitions = map[ChargeStatus][]ChargeStatus{
	ChargeScheduled:             {ChargeCollecting, ChargeRequiresPaymentMethod, ChargeRequiresAction, ChargeSucceeded, ChargeFailed, ChargeCanceled},
	ChargeCollecting:            {ChargeRetrying, ChargeRequiresAction, ChargeRequiresPaymentMethod, ChargeSucceeded, ChargeFailed, ChargeCanceled},
	ChargeRetrying:              {ChargeCollecting, ChargeRequiresAction, ChargeRequiresPaymentMethod, ChargeSucceeded, ChargeFailed, ChargeCanceled},
	ChargeRequiresAction:        {ChargeRetrying, ChargeRequiresPaymentMethod, ChargeSucceeded, ChargeFailed, ChargeCanceled},
	ChargeRequiresPaymentMethod: {ChargeRetrying, ChargeRequiresAction, ChargeSucceeded, ChargeFailed, ChargeCanceled},
	ChargeFailed:                {ChargeRetrying, ChargeRequiresAction, ChargeRequiresPaymentMethod, ChargeSucceeded, ChargeCanceled},
	ChargeCanceled:              {ChargeSucceeded}, // the customer's payment was already under way
	ChargeSucceeded:             {ChargeRefunded, ChargeDisputed},
	ChargeDisputed:              {ChargeSucceeded, ChargeRefunded},
	ChargeRefunded:              {ChargeDisputed, ChargeSucceeded}, // succeeded again when the refund failed
}

// CanBecome says whether a charge in status s may go to status to. Staying is not a transition.
func (s ChargeStatus) CanBecome(to ChargeStatus) bool {
	return slices.Contains(chargeTransitions[s], to)
}

// Paid says whether the money was received and is not given back.
func (s ChargeStatus) Paid() bool { return s == ChargeSucceeded }

// Settled says whether the money was received, whatever became of it since.
func (s ChargeStatus) Settled() bool {
	return s == ChargeSucceeded || s == ChargeRefunded || s == ChargeDisputed
}

// Ended says whether nothing more happens to the charge by itself.
func (s ChargeStatus) Ended() bool {
	switch s {
	case ChargeSucceeded, ChargeCanceled, ChargeRefunded, ChargeDisputed:
		return true
	}
	return false
}

// Owed says whether the charge fell due, was not paid, and the customer or a retry must put it
// right. A charge stays owed while a retry is under way.
func (c Charge) Owed() bool {
	switch c.Status {
	case ChargeRetrying, ChargeRequiresAction, ChargeRequiresPaymentMethod, ChargeFailed:
		return true
	case ChargeCollecting:
		return c.DeclineCode != ""
	}
	return false
}

// Move puts the charge into a status, with the reason and the time of the next attempt; a zero next
// means that none is planned. Errors: ErrConflict when the transition is not allowed, and for
// ChargeCanceled, which is for Cancel alone.
func (c *Charge) Move(to ChargeStatus, reason string, next time.Time) error {
	if to == ChargeCanceled {
		return fmt.Errorf("charge %s: use Cancel: %w", c.ID, ErrConflict)
	}
	return c.moveTo(to, reason, next)
}

// planTransitions says what a plan may become.
var planTransitions = map[PlanStatus][]PlanStatus{
	PlanAwaitingFirstPayment: {PlanActive, PlanCanceled},
	PlanActive:               {PlanPastDue, PlanPaused, PlanCompleted, PlanCanceled},
	PlanPastDue:              {PlanActive, PlanPaused, PlanCompleted, PlanCanceled, PlanDefaulted},
	PlanPaused:               {PlanActive, PlanPastDue, PlanCompleted, PlanCanceled},
	PlanDefaulted:            {PlanActive, PlanPastDue, PlanCompleted, PlanCanceled},
}

// CanBecome says whether a plan in status s may go to status to. Staying is not a transition.
func (s PlanStatus) CanBecome(to PlanStatus) bool { return slices.Contains(planTransitions[s], to) }

// StatusAfter is the status a plan has, given the state of its charges: completed when all are paid
// (or canceled, with at least one paid), canceled when none is left to pay and none was paid, past
// due while one is owed. A plan that is paused, canceled or defaulted stays so until somebody says
// otherwise, except that payment completes it.
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
