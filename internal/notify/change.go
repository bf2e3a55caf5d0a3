package notify

import (
	"strconv"

	"tranche/internal/billing"
)

// maxSchedule limits how many payments a mail lists; it counts the rest.
const maxSchedule = 24

// isChange reports whether a kind of notice is about a change that the merchant made to a plan.
func isChange(k billing.NoticeKind) bool {
	switch k {
	case billing.NoticePlanChanged, billing.NoticePlanPaused, billing.NoticePlanResumed, billing.NoticePlanCanceled, billing.NoticeRefundMade,
		billing.NoticeRefundFailed:
		return true
	}
	return false
}

// changed describes what the merchant changed.
func (v *View) changed(k billing.NoticeKind) {
	v.say(v.own("intro"))
	switch k {
	case billing.NoticePlanChanged:
		v.say(v.own("not_you"))
	case billing.NoticePlanCanceled:
		v.say(v.own("nothing"))
	default:
		v.say(v.own("next"))
	}
}

// changeFacts fills the table with the remaining payments, or with the refund.
func (v *View) changeFacts(k billing.NoticeKind) {
	v.detail("reference", v.label())
	switch k {
	case billing.NoticeRefundMade:
		v.detail("refunded", v.Amount)
	case billing.NoticeRefundFailed:
		v.detail("amount", v.Amount)
	}
	payments := v.data.Schedule
	for _, p := range payments[:min(len(payments), maxSchedule)] {
		v.payment(p)
	}
	if more := len(payments) - maxSchedule; more > 0 {
		v.detail("more", strconv.Itoa(more))
	}
}

// payment adds a line for one payment: its day and amount, and the previous ones if they differ.
func (v *View) payment(p billing.NoticePayment) {
	at, amount := p.DueAt, v.locale.Amount(p.Amount, v.data.Currency)
	words := map[string]any{"amount": amount, "was_amount": v.locale.Amount(p.WasAmount, v.data.Currency), "was_date": v.dayOrNone(p.WasDue)}
	value := amount
	switch {
	case p.Amount == 0:
		at, value = p.WasDue, v.locale.Text("mail.schedule.removed", words)
	case p.Paid:
		value = v.locale.Text("mail.schedule.paid", words)
	case p.WasAmount > 0:
		value = v.locale.Text("mail.schedule.was", words)
	}
	label := v.dayOrNone(at)
	v.Details = append(v.Details, Detail{label, value, v.locale.Text("mail.line", map[string]any{"label": label, "value": value})})
}
