package main

// forgotten reports whether an acknowledgment was lost with a restored database. An agreement, stop
// or resumption of that time is excused. A double charge never is.
func (a *auditor) forgotten(g agreement) bool {
	for _, w := range a.Lost {
		if w.holds(g.ConfirmedAt, a.InFlight) || w.holds(g.Stopped.Acknowledged, a.InFlight) || w.holds(g.Stopped.Resuming, a.InFlight) {
			return true
		}
	}
	return false
}

// arrivedInLostTime reports whether a mail arrived in a lost window, so that its notice may be lost
// as well.
func (a *auditor) arrivedInLostTime(m letter) bool {
	for _, w := range a.Lost {
		if w.holds(m.Arrived, a.InFlight) {
			return true
		}
	}
	return false
}

// forgottenPlan reports whether a plan was agreed in a lost window and no longer exists.
func (a *auditor) forgottenPlan(reference string) bool {
	if a.planByRef[reference] != nil {
		return false
	}
	for _, g := range a.Agreements {
		if g.Order.Reference != reference || g.Order.Own {
			continue // Stripe's events recreate this plan from the metadata of the merchant's PaymentIntent
		}
		for _, w := range a.Lost {
			if w.holds(g.ConfirmedAt, a.InFlight) {
				return true
			}
		}
	}
	return false
}
