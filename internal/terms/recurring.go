package terms

import (
	"tranche/internal/calendar"
	"tranche/internal/schedule"
)

// recurring returns the first charge and the recurrence after it. Every charge counts as one of the
// parts, including one with an amount of its own.
func (d drafter) recurring() Draft {
	every := d.interval("every", d.Every)
	if d.Amount <= 0 {
		d.bad.Add("amount", "must be more than 0, in minor units (cents)")
	}
	if d.FirstAmount < 0 {
		d.bad.Add("first_amount", "is less than 0")
	}
	if d.Parts < 0 || d.Parts > maxRepeats {
		d.bad.Add("parts", "is %d; use 1 to %d, or leave it out for a plan that goes on", d.Parts, maxRepeats)
	}
	if d.BusinessDay != "" && every.Unit == "day" && every.Count < 7 {
		d.bad.Add("business_day", "does not go with an interval of less than a week: several charges would fall on one day")
	}
	r := schedule.Recurrence{Every: every, Amount: d.Amount, Left: d.Parts, Until: d.until(), BusinessDay: d.BusinessDay}
	draft := d.firstOf(&r)
	*d.schedule = schedule.Schedule{Every: every, Anchor: r.Anchor, At: r.At, Next: r.Next}
	if d.Parts > 0 {
		r.Left--
	}
	if d.Parts != 1 && !r.Over() {
		draft.Recurrence = r
	}
	return draft
}

// firstOf returns the first charge, and sets r to the recurrence after it.
func (d drafter) firstOf(r *schedule.Recurrence) Draft {
	paidTrial := d.Trial != "" && d.FirstAmount > 0
	first := d.now
	switch {
	case d.Trial != "":
		d.refuseWith("a trial", "starts")
		trial := d.interval("trial", d.Trial)
		r.Anchor, r.At = trial.Date(calendar.DateOf(d.now, d.loc), 1), d.ChargeTime
	default:
		first, r.Anchor, r.At = d.start()
	}
	if d.clean() && !r.Until.IsZero() && r.Anchor.After(r.Until) && !paidTrial {
		d.bad.Add("until", "is before the first charge, on %s", r.Anchor)
	}
	if !paidTrial {
		r.Next = 1 // the first charge takes the anchor's own date
	}
	if d.Trial != "" && !paidTrial {
		first = d.dated(r.Anchor, r.At)
	}
	amount := d.Amount
	field := "amount"
	if d.FirstAmount > 0 {
		amount, field = d.FirstAmount, "first_amount"
	}
	return Draft{Charges: []ChargeDraft{{Amount: amount, DueAt: first, field: field}}}
}

// until returns the last date; zero when there is none.
func (d drafter) until() calendar.Date {
	if d.Until == "" {
		return calendar.Date{}
	}
	due, ok := d.due("until", d.Until)
	if ok && due.OnRequest {
		d.bad.Add("until", "needs a date")
	}
	day, _ := due.Anchor(d.ChargeTime, d.loc)
	return day
}
