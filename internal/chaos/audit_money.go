package main

// paidTwice finds double charges: Stripe took money more than once.
func (a *auditor) paidTwice() {
	byTarget := map[string][]string{}
	for _, pi := range a.Stripe.PaymentIntents {
		if pi.Status != "succeeded" {
			continue
		}
		// A merchant's own PaymentIntent names no charge: it is the first payment of its plan.
		target := pi.Metadata["tranche_charge"]
		if target == "" {
			target = "the first payment of " + pi.Metadata["tranche_reference"]
		}
		byTarget[target] = append(byTarget[target], pi.ID)
	}
	for target, intents := range byTarget {
		if len(intents) > 1 {
			a.add(kindDouble, "%s is paid by %d PaymentIntents: %v", target, len(intents), intents)
		}
	}
	byIntent := map[string][]string{}
	for _, ch := range a.Stripe.Charges {
		if ch.Status == "succeeded" {
			byIntent[ch.PaymentIntent] = append(byIntent[ch.PaymentIntent], ch.ID)
		}
	}
	for intent, charges := range byIntent {
		if len(charges) > 1 {
			a.add(kindDouble, "%s took the money %d times: %v", intent, len(charges), charges)
		}
	}
}

// overpaid finds plans that received more than their agreed total.
func (a *auditor) overpaid() {
	received := map[string]int64{}
	for i := range a.Stripe.PaymentIntents {
		pi := &a.Stripe.PaymentIntents[i]
		reference := pi.Metadata["tranche_reference"]
		if c := a.chargeOf(pi); c != nil {
			reference = a.planOfCharge[c.ID].Reference
		}
		received[reference] += pi.AmountReceived
	}
	for _, g := range a.Agreements {
		if got := received[g.Order.Reference]; got > g.Order.Total {
			a.add(kindDouble, "plan %s was agreed for %d %s, and %d was received", g.Order.Reference, g.Order.Total, g.Order.Currency, got)
		}
	}
}

// missingPlans finds plans that were confirmed to the merchant, or paid, and do not exist.
func (a *auditor) missingPlans() {
	for _, g := range a.Agreements {
		p := a.planByRef[g.Order.Reference]
		if a.forgottenPlan(g.Order.Reference) {
			continue
		}
		if p == nil && g.Confirmed != nil {
			a.add(kindLost, "plan %s (%s) was confirmed to the merchant, and is gone", g.Confirmed.ID, g.Order.Reference)
			continue
		}
		pi := a.intentByID[g.Intent]
		if pi == nil || pi.Status != "succeeded" {
			continue
		}
		switch {
		case p == nil:
			a.add(kindLost, "%s: the first payment %s succeeded, and there is no plan", g.Order.Reference, pi.ID)
		case p.Status == "awaiting_first_payment":
			a.add(kindLost, "plan %s (%s) still waits for its first payment; %s succeeded", p.ID, p.Reference, pi.ID)
		}
	}
}

// missingPayments finds payments at Stripe that Tranche did not record.
func (a *auditor) missingPayments() {
	for i := range a.Stripe.PaymentIntents {
		pi := &a.Stripe.PaymentIntents[i]
		if pi.Status != "succeeded" {
			continue
		}
		c := a.chargeOf(pi)
		switch {
		case c == nil && a.forgottenPlan(pi.Metadata["tranche_reference"]):
		case c == nil && pi.Metadata["tranche_charge"] != "":
			a.add(kindLost, "%s succeeded for charge %s, which does not exist", pi.ID, pi.Metadata["tranche_charge"])
		case c != nil && !paid(*c):
			a.add(kindLost, "%s succeeded, and charge %s of %s is %s", pi.ID, c.ID, a.planOfCharge[c.ID].Reference, c.Status)
		}
	}
}

// neverTried finds charges that fell due and were never attempted.
func (a *auditor) neverTried() {
	for _, p := range a.Plans {
		if p.Status != "active" && p.Status != "past_due" {
			continue
		}
		for _, c := range p.Charges {
			if c.Status == "scheduled" && c.DueAt.Before(a.Overdue) {
				a.add(kindLost, "charge %s of %s fell due at %s, and was never tried", c.ID, p.Reference, c.DueAt)
			}
		}
	}
}

// wrongParts finds plans whose parts do not add up to the total.
func (a *auditor) wrongParts() {
	for _, p := range a.Plans {
		var sum int64
		for i, c := range p.Charges {
			sum += c.Amount
			if c.Sequence != i+1 || c.Currency != p.Currency || c.Amount <= 0 {
				a.add(kindWrong, "charge %s of %s: number %d of %d %s does not fit its plan", c.ID, p.Reference, c.Sequence, c.Amount, c.Currency)
			}
		}
		if sum != p.Total {
			a.add(kindWrong, "the parts of %s add up to %d, not to %d", p.Reference, sum, p.Total)
		}
	}
}

// wrongPlans finds plans whose terms differ from the agreement.
func (a *auditor) wrongPlans() {
	for _, g := range a.Agreements {
		p, o := a.planByRef[g.Order.Reference], g.Order
		if p == nil {
			continue
		}
		type terms struct {
			kind, currency string
			total          int64
			parts          int
		}
		if (terms{p.Kind, p.Currency, p.Total, len(p.Charges)}) != (terms{o.Kind, o.Currency, o.Total, o.parts()}) {
			a.add(kindWrong, "plan %s is %s of %d %s in %d parts; agreed were %s of %d %s in %d", o.Reference,
				p.Kind, p.Total, p.Currency, len(p.Charges), o.Kind, o.Total, o.Currency, o.parts())
			continue
		}
		if o.First != 0 && p.Charges[0].Amount != o.First {
			a.add(kindWrong, "the first part of %s is %d; agreed were %d", o.Reference, p.Charges[0].Amount, o.First)
		}
		if p.Customer.Reference != o.Customer || p.Customer.Email != o.email() {
			a.add(kindWrong, "plan %s belongs to %s, not to %s", o.Reference, p.Customer.Reference, o.Customer)
		}
	}
}

// wrongPayments compares each charge with its PaymentIntent.
func (a *auditor) wrongPayments() {
	owners := map[string]string{} // the merchant's customer reference, by Stripe customer
	for _, c := range a.Stripe.Customers {
		owners[c.ID] = c.Metadata["tranche_customer"]
	}
	for _, p := range a.Plans {
		for _, c := range p.Charges {
			a.wrongAttempts(p, c)
			pi := a.intentByID[c.PaymentIntent]
			switch {
			case pi != nil:
				a.wrongIntent(p, c, pi, owners)
			case paid(c):
				a.add(kindWrong, "charge %s of %s is %s, and Stripe has no %s", c.ID, p.Reference, c.Status, c.PaymentIntent)
			}
		}
	}
}

// wrongIntent compares a charge with its PaymentIntent.
func (a *auditor) wrongIntent(p plan, c charge, pi *stripeIntent, owners map[string]string) {
	if paid(c) && pi.Status != "succeeded" {
		a.add(kindWrong, "charge %s of %s is %s, and %s is %s", c.ID, p.Reference, c.Status, pi.ID, pi.Status)
		return
	}
	if pi.Amount != c.Amount || pi.Currency != c.Currency || paid(c) && pi.AmountReceived != c.Amount {
		a.add(kindWrong, "charge %s of %s is for %d %s, and %s for %d %s with %d received", c.ID, p.Reference, c.Amount, c.Currency,
			pi.ID, pi.Amount, pi.Currency, pi.AmountReceived)
	}
	if pi.Customer != "" && owners[pi.Customer] != p.Customer.Reference {
		a.add(kindWrong, "%s of %s charged the card of %q, not of %s", pi.ID, p.Reference, owners[pi.Customer], p.Customer.Reference)
	}
}

// wrongAttempts finds attempts that contradict their charge or each other.
func (a *auditor) wrongAttempts(p plan, c charge) {
	succeeded := 0
	for i, t := range c.Attempts {
		if t.Number != i+1 {
			a.add(kindWrong, "charge %s of %s: attempt %d stands at place %d", c.ID, p.Reference, t.Number, i+1)
		}
		if t.Outcome == "succeeded" {
			succeeded++
			a.wrongMoney(p, c, t)
		}
	}
	if paid(c) && succeeded != 1 || !paid(c) && succeeded > 0 {
		a.add(kindWrong, "charge %s of %s is %s with %d attempts that succeeded", c.ID, p.Reference, c.Status, succeeded)
	}
}

// wrongMoney finds a successful attempt that records no Stripe charge, or another payment's.
func (a *auditor) wrongMoney(p plan, c charge, t attempt) {
	ch := a.moneyByID[t.StripeCharge]
	if ch != nil && ch.Status == "succeeded" && ch.PaymentIntent == c.PaymentIntent {
		return
	}
	a.add(kindWrong, "attempt %d of charge %s of %s succeeded by %q, which is not what %s was paid by", t.Number, c.ID, p.Reference,
		t.StripeCharge, c.PaymentIntent)
}
