package billing

import (
	"cmp"
	"fmt"
	"time"
)

// Rules are what the merchant has settled for all plans.
type Rules struct {
	ChargeTime LocalTime // the customer's local time of day at which charges fall due
	Holidays   Holidays  // for plans with a business day rule
	Limits     Limits    // of amounts, in place of Stripe's
	TimeZone   string    // of new customers for whom none is given; empty means UTC
	Locale     string    // likewise; empty means English, or the browser's language
	Confirm    bool      // customers get a mail with every payment when their plan begins
	// CheckoutDays is after how many days a plan expires whose checkout is not completed and whose
	// terms set no time; 0 means never.
	CheckoutDays int
}

// FillIn fills in what is not said of a new customer.
func (r Rules) FillIn(c *Customer) {
	c.TimeZone, c.Locale = cmp.Or(c.TimeZone, r.TimeZone), cmp.Or(c.Locale, r.Locale)
}

// Draft is what terms come to.
type Draft struct {
	Charges    []ChargeDraft // by sequence, never empty
	Recurrence Recurrence    // how they go on; zero when these are all
	Schedule   Schedule      // how their dates are counted
}

// ChargeDraft is an amount and when it falls due, and the field of the terms it comes from.
type ChargeDraft struct {
	Amount   int64
	DueAt    time.Time // zero: on the merchant's word
	Checkout bool      // paid by the customer in the merchant's checkout
	field    string
}

// Draft works out the charges: amounts that add up to the total and the instants they fall due.
// Dates count from now, in the customer's time zone. The first charge is paid in the merchant's
// checkout unless it falls due later (Starts, Trial, a first due date) or a saved card was named.
// Nothing is stored. Errors: *InvalidError naming every field at fault.
func (t Terms) Draft(now time.Time, rules Rules) (Draft, error) {
	bad := &InvalidError{}
	t.checkTexts(bad)
	t.Consent.check(bad, now)
	if !t.Currency.Known() {
		bad.add("currency", "%q is not a currency Stripe can charge; use a code like usd or eur", t.Currency)
		return Draft{}, bad
	}
	var draft Draft
	d := drafter{Terms: t, Rules: rules, now: now, loc: t.Location(), bad: bad, schedule: &Schedule{}}
	d.checkFields()
	switch t.Kind {
	case KindInstallments:
		draft.Charges = d.installments()
	case KindDeposit:
		draft.Charges = d.deposit()
	case KindRecurring:
		draft = d.recurring()
	case KindDeferred:
		draft.Charges = d.deferred()
	default:
		bad.add("kind", "is %q; use %q, %q, %q or %q", t.Kind, KindInstallments, KindDeposit, KindRecurring, KindDeferred)
	}
	if len(bad.Fields) == 0 { // amounts and dates of faulty terms would only add noise
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

// drafter is terms on the way to charges, and what was found wrong with them so far.
type drafter struct {
	Terms
	Rules
	now time.Time
	loc *time.Location
	bad *InvalidError

	schedule *Schedule // how dates are counted, as far as it is known
}

// clean says whether nothing is wrong so far.
func (d drafter) clean() bool { return len(d.bad.Fields) == 0 }

// due reads a field that says when something falls due; false when it can't be read.
func (d drafter) due(field, s string) (Due, bool) {
	if s == "" {
		d.bad.add(field, "is missing; %s", dueExamples)
		return Due{}, false
	}
	due, err := ParseDue(s)
	if err != nil {
		d.bad.add(field, "%q: %s", s, err)
	}
	return due, err == nil
}

// at is the instant that a due date comes to by the rules of this plan.
func (d drafter) at(due Due) time.Time {
	return due.At(d.ChargeTime, d.loc, d.BusinessDay, d.Holidays)
}

// interval reads Every.
func (d drafter) interval(field, s string) Interval {
	every, err := ParseInterval(s)
	if err != nil {
		d.bad.add(field, "%s", err)
	}
	return every
}

// start is when the first charge falls due, and what the dates of later ones are counted from.
func (d drafter) start() (first time.Time, anchor Date, at LocalTime) {
	if d.Starts == "" {
		return d.now, DateOf(d.now, d.loc), d.ChargeTime
	}
	due, ok := d.due("starts", d.Starts)
	switch {
	case !ok:
	case due.OnRequest:
		d.bad.add("starts", "needs a date: a plan of this kind can't wait for a request")
	case !d.at(due).After(d.now):
		d.bad.add("starts", "%s is not later than now; leave it out where the first charge is paid at once", d.Starts)
	}
	anchor, at = due.anchor(d.ChargeTime, d.loc)
	return d.at(due), anchor, at
}

// single is the schedule of one date: an interval that is given later counts from it.
func (d drafter) single(due Due) Schedule {
	if due.OnRequest {
		return Schedule{At: d.ChargeTime}
	}
	s := Schedule{Next: 1}
	s.Anchor, s.At = due.anchor(d.ChargeTime, d.loc)
	return s
}

// dated is the instant of a date that was counted from the anchor.
func (d drafter) dated(day Date, at LocalTime) time.Time {
	return d.BusinessDay.Shift(day, d.Holidays).At(at, d.loc)
}

// checkDraft wants amounts that can be charged, in an order of time, and none too far away.
func (d drafter) checkDraft(draft Draft) {
	list := draft.Charges
	for i, c := range list {
		if problem := d.Limits.Problem(d.Currency, c.Amount); problem != "" {
			d.bad.add(c.field, "charge %d%s %s", i+1, ofAll(draft), problem)
		}
		switch {
		case c.DueAt.IsZero():
		case i > 0 && !c.DueAt.After(list[i-1].DueAt):
			d.bad.add(c.field, "charge %d%s falls due at %s, not after the one before it", i+1, ofAll(draft), c.DueAt.Format(time.RFC3339))
		case c.DueAt.After(LatestDue(d.now)):
			d.bad.add(c.field, "charge %d%s falls due more than %d years from now", i+1, ofAll(draft), maxDueYears)
		}
	}
	if !draft.Recurrence.IsZero() && draft.Recurrence.Amount != list[0].Amount {
		if problem := d.Limits.Problem(d.Currency, draft.Recurrence.Amount); problem != "" {
			d.bad.add("amount", "%s", problem)
		}
	}
}

// ofAll says how many charges there are, where that is known.
func ofAll(draft Draft) string {
	if !draft.Recurrence.IsZero() {
		return ""
	}
	return fmt.Sprintf(" of %d", len(draft.Charges))
}
