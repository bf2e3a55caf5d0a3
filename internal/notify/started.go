package notify

import (
	"time"

	"tranche/internal/calendar"
	"tranche/internal/schedule"
)

// started confirms a plan that has started.
func (v *View) started() {
	v.say(v.own("intro"))
	if v.Card != "" {
		v.say(v.own("card"))
	}
	v.say(v.own("not_you"))
}

// startFacts fills the table with every payment, and with the schedule of a recurring plan.
func (v *View) startFacts() {
	v.detail("reference", v.label())
	for _, p := range v.data.Schedule {
		v.payment(p)
	}
	v.schedule(v.data.Recurrence)
	if len(v.data.Schedule) > 1 && v.data.Recurrence.IsZero() {
		v.detail("sum", v.Amount)
	}
}

// schedule adds a line with the schedule of a recurring plan, in the text that the customer agrees
// to on the page.
func (v *View) schedule(r schedule.Recurrence) {
	if r.IsZero() {
		return
	}
	words := map[string]any{
		"amount": v.locale.Amount(r.Amount, v.data.Currency), "every": v.locale.Plural("page.every_"+r.Every.Unit, r.Every.Count, nil),
	}
	switch {
	case r.Left > 0:
		v.detail("more", v.locale.Plural("page.listed_times", r.Left, words))
	case !r.Until.IsZero():
		words["date"] = v.locale.Date(r.Until.At(calendar.LocalTime{Hour: 12}, time.UTC), "UTC")
		v.detail("more", v.locale.Text("page.listed_until", words))
	default:
		v.detail("more", v.locale.Text("page.listed_endless", words))
	}
}
