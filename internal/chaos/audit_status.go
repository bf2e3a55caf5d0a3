package main

import "slices"

// stuckCharges finds open charges with no next step: no request to the customer, no time for the
// next attempt, or a time that has passed.
func (a *auditor) stuckCharges() {
	for _, p := range a.Plans {
		for _, c := range p.Charges {
			switch c.Status {
			case "requires_action", "requires_payment_method", "failed":
				if c.Reason == "" {
					a.add(kindUnexplained, "charge %s of %s is %s without a reason", c.ID, p.Reference, c.Status)
				}
			case "collecting", "retrying":
				if p.Status == "paused" {
					continue // until the plan resumes
				}
				if c.NextAttemptAt == nil {
					a.add(kindUnexplained, "charge %s of %s is %s without a time", c.ID, p.Reference, c.Status)
				} else if c.NextAttemptAt.Before(a.Overdue) {
					a.add(kindUnexplained, "charge %s of %s is %s, and was to be tried at %s (%s)", c.ID, p.Reference, c.Status, c.NextAttemptAt, c.Reason)
				}
			}
			a.openAttempts(p, c)
		}
	}
}

// openAttempts finds attempts with an unknown outcome on charges that are not being processed.
func (a *auditor) openAttempts(p plan, c charge) {
	if c.Status == "collecting" {
		return
	}
	for _, t := range c.Attempts {
		// The checkout's own PaymentIntent may still be unanswered while the merchant's server sends its
		// request again.
		if t.Outcome == "unknown" && t.Initiator == "merchant" || t.Outcome == "processing" {
			a.add(kindUnexplained, "attempt %d of charge %s of %s is %s, and the charge %s", t.Number, c.ID, p.Reference, t.Outcome, c.Status)
		}
	}
}

// wrongStatuses finds plans whose status does not follow from their charges.
func (a *auditor) wrongStatuses() {
	for _, p := range a.Plans {
		if want := statusOf(p); p.Status != want && !a.stopExplains(p) && !a.givenUp(p) {
			a.add(kindUnexplained, "plan %s (%s) is %s, and its charges say %s", p.ID, p.Reference, p.Status, want)
		}
	}
}

// givenUp reports whether a plan is defaulted and unpaid and has its final notice. It stays
// defaulted, even if another charge is paid later, until a person restarts it.
func (a *auditor) givenUp(p plan) bool {
	return p.Status == "defaulted" && statusOf(p) != "completed" && slices.ContainsFunc(p.Charges, func(c charge) bool {
		return ofKind(a.noticesOf[c.ID], noticeDefaulted) > 0
	})
}

// statusOf returns the status that a plan's charges imply, unless the plan was stopped or given up.
func statusOf(p plan) string {
	open := slices.ContainsFunc(p.Charges, func(c charge) bool { return !paid(c) && c.Status != "canceled" })
	switch {
	case !open && slices.ContainsFunc(p.Charges, paid):
		return "completed"
	case !open:
		return "canceled"
	case !paid(p.Charges[0]):
		return "awaiting_first_payment"
	case slices.ContainsFunc(p.Charges, owed):
		return "past_due"
	}
	return "active"
}

// owed reports whether a charge fell due and failed.
func owed(c charge) bool {
	switch c.Status {
	case "retrying", "requires_action", "requires_payment_method", "failed":
		return true
	}
	return c.Status == "collecting" && c.DeclineCode != ""
}

// leftOver finds events and notices that were never finished, and processes that panicked.
func (a *auditor) leftOver() {
	for _, e := range a.Stuck {
		a.add(kindUnexplained, "event %s (%s of %s) is %s: %s", e.ID, e.Type, e.ObjectID, e.Status, e.Reason)
	}
	for _, n := range a.Notices {
		if n.Status != "sent" && n.Status != "dropped" {
			a.add(kindUnexplained, "notice %s to %s is %s: %s", n.ID, n.To, n.Status, n.Reason)
		}
	}
	for _, line := range a.Panics {
		a.add(kindUnexplained, "a process panicked: %.300s", line)
	}
}
