package main

import (
	"fmt"
	"slices"
	"strings"
)

// problem is one instance of damage, with the ids it concerns.
type problem struct {
	Kind string // one of the five counters
	Text string
}

// The counters in the report's last line.
const (
	kindDouble      = "double"
	kindLost        = "lost"
	kindWrong       = "wrong"
	kindDuplicate   = "duplicate_notices"
	kindUnexplained = "unexplained"
)

// damage is the result of an audit.
type damage []problem

// count returns the number of problems of one kind.
func (d damage) count(kind string) int {
	n := 0
	for _, p := range d {
		if p.Kind == kind {
			n++
		}
	}
	return n
}

// total returns the number of problems.
func (d damage) total() int { return len(d) }

// both returns the problems found by two audits. A problem that only one audit found was work in
// progress.
func (d damage) both(other damage) damage {
	return slices.DeleteFunc(slices.Clone(d), func(p problem) bool { return !slices.Contains(other, p) })
}

// auditor compares the records of a run with one another. It trusts none of them.
type auditor struct {
	evidence
	planByID, planByRef map[string]*plan
	chargeByID          map[string]*charge
	chargeByIntent      map[string]*charge
	planOfCharge        map[string]*plan
	intentByID          map[string]*stripeIntent
	moneyByID           map[string]*stripeCharge
	moneyOf             map[string][]*stripeCharge // by PaymentIntent
	noticesOf           map[string][]notice        // by charge
	found               damage
}

// audit compares all records of a run and lists each problem once.
func audit(e evidence) damage {
	a := &auditor{
		evidence: e, planByID: map[string]*plan{}, planByRef: map[string]*plan{}, chargeByID: map[string]*charge{},
		chargeByIntent: map[string]*charge{}, planOfCharge: map[string]*plan{}, intentByID: map[string]*stripeIntent{},
		moneyByID: map[string]*stripeCharge{}, noticesOf: map[string][]notice{}, moneyOf: map[string][]*stripeCharge{},
	}
	a.index()
	a.paidTwice()
	a.overpaid()
	a.missingPlans()
	a.missingPayments()
	a.neverTried()
	a.wrongParts()
	a.wrongPlans()
	a.wrongPayments()
	a.duplicateNotices()
	a.missingNotices()
	a.stuckCharges()
	a.wrongStatuses()
	a.leftOver()
	a.stoppedPlans()
	a.overtakenMails()
	a.foreignAccount()
	slices.SortFunc(a.found, func(x, y problem) int { return strings.Compare(x.Kind+x.Text, y.Kind+y.Text) })
	return slices.Compact(a.found)
}

// add records a problem.
func (a *auditor) add(kind, format string, args ...any) {
	a.found = append(a.found, problem{kind, fmt.Sprintf(format, args...)})
}

func (a *auditor) index() {
	for i := range a.Plans {
		p := &a.Plans[i]
		if other := a.planByRef[p.Reference]; other != nil {
			a.add(kindWrong, "plans %s and %s have one reference, %s", other.ID, p.ID, p.Reference)
		}
		a.planByID[p.ID], a.planByRef[p.Reference] = p, p
		for j := range p.Charges {
			a.indexCharge(p, &p.Charges[j])
		}
	}
	for i := range a.Stripe.PaymentIntents {
		a.intentByID[a.Stripe.PaymentIntents[i].ID] = &a.Stripe.PaymentIntents[i]
	}
	for i := range a.Stripe.Charges {
		ch := &a.Stripe.Charges[i]
		a.moneyByID[ch.ID] = ch
		a.moneyOf[ch.PaymentIntent] = append(a.moneyOf[ch.PaymentIntent], ch)
	}
	for _, n := range a.Notices {
		if n.Charge != "" { // otherwise the notice is about the plan
			a.noticesOf[n.Charge] = append(a.noticesOf[n.Charge], n)
		}
	}
}

func (a *auditor) indexCharge(p *plan, c *charge) {
	a.chargeByID[c.ID], a.planOfCharge[c.ID] = c, p
	if c.PaymentIntent == "" {
		return
	}
	if other := a.chargeByIntent[c.PaymentIntent]; other != nil {
		a.add(kindWrong, "charges %s and %s have one PaymentIntent, %s", other.ID, c.ID, c.PaymentIntent)
	}
	a.chargeByIntent[c.PaymentIntent] = c
}

// chargeOf returns the charge that a PaymentIntent pays: the charge in its metadata, or the charge
// that refers to it.
func (a *auditor) chargeOf(pi *stripeIntent) *charge {
	if c := a.chargeByID[pi.Metadata["tranche_charge"]]; c != nil {
		return c
	}
	return a.chargeByIntent[pi.ID]
}

// paid reports whether Tranche records a charge as paid.
func paid(c charge) bool {
	return c.Status == "succeeded" || c.Status == "disputed" || c.Status == "refunded"
}
