package terms

import (
	"time"

	"tranche/internal/billing"
	"tranche/internal/schedule"
)

// Draft is the payment schedule that follows from terms.
type Draft struct {
	Charges    []ChargeDraft       // by sequence, never empty
	Recurrence schedule.Recurrence // how they continue; zero when Charges holds all
	Schedule   schedule.Schedule   // how their dates are counted
}

// ChargeDraft is a charge before it has an id: an amount, when it falls due, and the field of the
// terms that it comes from.
type ChargeDraft struct {
	Amount   int64
	DueAt    time.Time // zero: due on request
	Checkout bool      // paid by the customer in the merchant's checkout
	field    string
}

// Draft calculates the charges: amounts that add up to the total, and the instants when they fall
// due. Dates count from now, in the customer's time zone. The first charge is paid in the
// merchant's checkout unless it falls due later (Starts, Trial, a first due date) or a saved card
// is named. Nothing is stored. Errors: *InvalidError naming every field at fault.
func (t Terms) Draft(now time.Time, rules billing.Rules) (Draft, error) {
	bad := &billing.InvalidError{}
	t.checkTexts(bad)
	t.Consent.check(bad, now)
	if !t.Currency.Known() {
		bad.Add("currency", "%q is not a currency Stripe can charge; use a code like usd or eur", t.Currency)
		return Draft{}, bad
	}
	var draft Draft
	d := drafter{Terms: t, Rules: rules, now: now, loc: t.Location(), bad: bad, schedule: &schedule.Schedule{}}
	d.checkFields()
	switch t.Kind {
	case billing.KindInstallments:
		draft.Charges = d.installments()
	case billing.KindDeposit:
		draft.Charges = d.deposit()
	case billing.KindRecurring:
		draft = d.recurring()
	case billing.KindDeferred:
		draft.Charges = d.deferred()
	default:
		bad.Add("kind", "is %q; use %q, %q, %q or %q", t.Kind, billing.KindInstallments, billing.KindDeposit, billing.KindRecurring, billing.KindDeferred)
	}
	if len(bad.Fields) == 0 { // checking amounts and dates of faulty terms would only add noise
		d.checkDraft(draft)
	}
	d.checkConnect(draft)
	if len(bad.Fields) > 0 {
		return Draft{}, bad
	}
	draft.Schedule = *d.schedule
	draft.Schedule.BusinessDay = t.BusinessDay
	first := &draft.Charges[0]
	first.Checkout = t.Card == "" && first.DueAt.Equal(now)
	return draft, nil
}

// deferred returns the one charge of a deferred plan.
func (d drafter) deferred() []ChargeDraft {
	if d.Total <= 0 {
		d.bad.Add("total", "must be more than 0, in minor units (cents)")
	}
	due, ok := d.due("due", d.Due)
	at := d.at(due)
	if ok && !due.OnRequest && !at.After(d.now) {
		d.bad.Add("due", "%s is not later than now", d.Due)
	}
	*d.schedule = d.single(due)
	return []ChargeDraft{{Amount: d.Total, DueAt: at, field: "total"}}
}

// checkDraft checks that each amount can be charged, and that the dates are in order and not too
// far away.
func (d drafter) checkDraft(draft Draft) {
	list := draft.Charges
	for i, c := range list {
		if problem := d.Limits.Problem(d.Currency, c.Amount); problem != "" {
			d.bad.Add(c.field, "charge %d%s %s", i+1, ofAll(draft), problem)
		}
		switch {
		case c.DueAt.IsZero():
		case i > 0 && !c.DueAt.After(list[i-1].DueAt):
			d.bad.Add(c.field, "charge %d%s falls due at %s, not after the one before it", i+1, ofAll(draft), c.DueAt.Format(time.RFC3339))
		case c.DueAt.After(billing.LatestDue(d.now)):
			d.bad.Add(c.field, "charge %d%s falls due more than %d years from now", i+1, ofAll(draft), billing.MaxDueYears)
		}
	}
	if !draft.Recurrence.IsZero() && draft.Recurrence.Amount != list[0].Amount {
		if problem := d.Limits.Problem(d.Currency, draft.Recurrence.Amount); problem != "" {
			d.bad.Add("amount", "%s", problem)
		}
	}
}
