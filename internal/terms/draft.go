package terms

import (
	"fmt"
	"time"

	"tranche/internal/billing"
	"tranche/internal/calendar"
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

// drafter holds terms while their charges are calculated, and the faults found so far.
type drafter struct {
	Terms
	billing.Rules
	now time.Time
	loc *time.Location
	bad *billing.InvalidError

	schedule *schedule.Schedule // how dates are counted; set step by step
}

// clean reports whether no fault was found so far.
func (d drafter) clean() bool { return len(d.bad.Fields) == 0 }

// due parses a field that holds a due date; false when it can't be parsed.
func (d drafter) due(field, s string) (schedule.Due, bool) {
	if s == "" {
		d.bad.Add(field, "is missing; %s", schedule.DueExamples)
		return schedule.Due{}, false
	}
	due, err := schedule.ParseDue(s)
	if err != nil {
		d.bad.Add(field, "%q: %s", s, err)
	}
	return due, err == nil
}

// at returns the instant of a due date, by the rules of this plan.
func (d drafter) at(due schedule.Due) time.Time {
	return due.At(d.ChargeTime, d.loc, d.BusinessDay, d.Holidays)
}

// interval parses a field that holds an interval.
func (d drafter) interval(field, s string) calendar.Interval {
	every, err := calendar.ParseInterval(s)
	if err != nil {
		d.bad.Add(field, "%s", err)
	}
	return every
}

// start returns when the first charge falls due, and the date and time of day that later ones are
// counted from.
func (d drafter) start() (first time.Time, anchor calendar.Date, at calendar.LocalTime) {
	if d.Starts == "" {
		return d.now, calendar.DateOf(d.now, d.loc), d.ChargeTime
	}
	due, ok := d.due("starts", d.Starts)
	switch {
	case !ok:
	case due.OnRequest:
		d.bad.Add("starts", "needs a date: a plan of this kind can't wait for a request")
	case !d.at(due).After(d.now):
		d.bad.Add("starts", "%s is not later than now; leave it out where the first charge is paid at once", d.Starts)
	}
	anchor, at = due.Anchor(d.ChargeTime, d.loc)
	return d.at(due), anchor, at
}

// single returns the schedule of a single date: an interval that is set later counts from that
// date.
func (d drafter) single(due schedule.Due) schedule.Schedule {
	if due.OnRequest {
		return schedule.Schedule{At: d.ChargeTime}
	}
	s := schedule.Schedule{Next: 1}
	s.Anchor, s.At = due.Anchor(d.ChargeTime, d.loc)
	return s
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

// dated returns the instant of a date that was counted from the anchor.
func (d drafter) dated(day calendar.Date, at calendar.LocalTime) time.Time {
	return d.BusinessDay.Shift(day, d.Holidays).At(at, d.loc)
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

// ofAll returns " of N", where N is the number of charges; empty when the number is not known.
func ofAll(draft Draft) string {
	if !draft.Recurrence.IsZero() {
		return ""
	}
	return fmt.Sprintf(" of %d", len(draft.Charges))
}
