package main

import "time"

// stoppedPlans finds plans that were stopped and continued, and reversals that were not recorded.
func (a *auditor) stoppedPlans() {
	for _, g := range a.Agreements {
		p := a.planByRef[g.Order.Reference]
		if p == nil || g.Stopped.Acknowledged.IsZero() || len(p.Charges) == 0 || a.forgotten(g) {
			continue
		}
		switch g.Order.Stop.Kind {
		case stopPause, stopCancel:
			a.chargedAfterStop(p, g)
		case stopRefund:
			if got := p.Charges[0].Status; got != "refunded" {
				a.add(kindLost, "the first payment of %s was refunded, and charge %s is %s", p.Reference, p.Charges[0].ID, got)
			}
		case stopDispute:
			if got := p.Charges[0].Status; got != "disputed" {
				a.add(kindLost, "the first payment of %s was disputed, and charge %s is %s", p.Reference, p.Charges[0].ID, got)
			}
		}
		if g.Order.Stop.Kind == stopCancel {
			a.canStillBePaid(p)
		}
	}
}

// chargedAfterStop finds attempts that Tranche made after it acknowledged that the plan is stopped.
// A call in flight at that time may still complete, and the customer may still pay.
func (a *auditor) chargedAfterStop(p *plan, g agreement) {
	from, to := g.Stopped.Acknowledged.Add(a.InFlight), g.Stopped.Resuming
	for i := range p.Charges {
		c := &p.Charges[i]
		for _, money := range a.moneyOf[c.PaymentIntent] {
			at := time.Unix(money.Created, 0)
			if at.Before(from) || !to.IsZero() && !at.Before(to) || byCustomer(*c, money.ID) {
				continue
			}
			a.add(kindWrong, "charge %s of %s was tried at %s (%s), and the plan was stopped at %s", c.ID, p.Reference, at.UTC(), money.ID,
				g.Stopped.Acknowledged.UTC())
		}
	}
}

func byCustomer(c charge, money string) bool {
	for _, t := range c.Attempts {
		if t.StripeCharge == money {
			return t.Initiator == "customer"
		}
	}
	return false
}

// canStillBePaid finds PaymentIntents of a canceled plan that are still open at Stripe.
func (a *auditor) canStillBePaid(p *plan) {
	for _, c := range p.Charges {
		pi := a.intentByID[c.PaymentIntent]
		if c.Status == "canceled" && pi != nil && pi.Status != "canceled" && pi.Status != "succeeded" {
			a.add(kindUnexplained, "charge %s of %s is canceled, and %s is %s", c.ID, p.Reference, pi.ID, pi.Status)
		}
	}
}

// stopExplains reports whether a plan has the status that its stop leads to.
func (a *auditor) stopExplains(p plan) bool {
	for _, g := range a.Agreements {
		if g.Order.Reference != p.Reference || g.Stopped.Acknowledged.IsZero() {
			continue
		}
		if a.forgotten(g) {
			return true
		}
		switch g.Order.Stop.Kind {
		case stopCancel:
			return p.Status == "canceled"
		case stopPause:
			return p.Status == "paused" && !g.Stopped.Resumed
		default:
			return p.Status == "paused"
		}
	}
	return false
}
