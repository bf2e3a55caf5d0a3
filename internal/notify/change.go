package notify

import (
	"strconv"

	"tranche/internal/billing"
)

// maxSchedule bounds how many payments a mail lists; of those beyond it the number is told.
const maxSchedule = 24

// tellsOfChange says whether a kind of notice is about what the merchant did to a plan.
func tellsOfChange(k billing.NoticeKind) bool {
	switch k {
	case billing.NoticePlanChanged, billing.NoticePlanPaused, billing.NoticePlanResumed, billing.NoticePlanCanceled, billing.NoticeRefundMade:
		return true
	}
	return false
}

// changed says what the merchant did to the plan.
func (v *View) changed(k billing.NoticeKind) {
	v.say(v.own("intro"))
	switch k {
	case billing.NoticePlanChanged:
		v.say(v.own("not_you"))
	case billing.NoticePlanCanceled:
		v.say(v.own("nothing"))
		if v.data.Amount > 0 {
			v.say(v.own("refund"))
		}
	default:
		v.say(v.own("next"))
	}
}

// changeFacts fills the table with what is left to pay, or with what is given back.
func (v *View) changeFacts(k billing.NoticeKind) {
	v.detail("reference", v.Reference)
	if (k == billing.NoticePlanCanceled || k == billing.NoticeRefundMade) && v.data.Amount > 0 {
		v.detail("refunded", v.Amount)
	}
	payments := v.data.Schedule
	for _, p := range payments[:min(len(payments), maxSchedule)] {
		v.payment(p)
	}
	if more := len(payments) - maxSchedule; more > 0 {
		v.detail("more", strconv.Itoa(more))
	}
}

// payment adds a line for one payment: its day, its amount, and what they were where that is different.
func (v *View) payment(p billing.NoticePayment) {
	at, amount := p.DueAt, v.locale.Amount(p.Amount, v.data.Currency)
	words := map[string]any{"amount": amount, "was_amount": v.locale.Amount(p.WasAmount, v.data.Currency), "was_date": v.dayOrNone(p.WasDue)}
	value := amount
	switch {
	case p.Amount == 0:
		at, value = p.WasDue, v.locale.Text("mail.schedule.removed", words)
	case p.WasAmount > 0:
		value = v.locale.Text("mail.schedule.was", words)
	}
	label := v.dayOrNone(at)
	v.Details = append(v.Details, Detail{label, value, v.locale.Text("mail.line", map[string]any{"label": label, "value": value})})
}
