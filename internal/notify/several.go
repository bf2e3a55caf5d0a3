package notify

import (
	"slices"
	"strings"

	"tranche/internal/billing"
)

// several writes one mail about all payments of a notice: the purpose of each, their total, and a
// button for each plan. The page of a plan shows everything owed there.
func (v *View) several(n billing.Notice, m Merchant) {
	d := v.data
	total, retried, reasons := d.Amount, v.Retry != "", []billing.Reason{d.FailureReason}
	for _, o := range d.Others {
		total += o.Amount
		retried = retried || !o.NextAttemptAt.IsZero()
		reasons = append(reasons, o.FailureReason)
	}
	reason := d.FailureReason
	if len(slices.Compact(reasons)) > 1 {
		reason = ""
	}
	if v.Reason = v.locale.Reason(reason); reason == billing.ReasonAuthenticate { // the text is about one payment
		v.Reason = ""
	}
	plans := n.ByPlan()
	references := make([]string, len(plans))
	for i, p := range plans {
		references[i] = oneLine(p.Data.Reference)
	}
	v.Amount, v.Reference = v.locale.Amount(total, d.Currency), oneLine(strings.Join(references, ", "))
	v.Retry, v.Sequence, v.Of, v.Description = "", 0, 0, ""
	v.Subject, v.Heading = oneLine(v.text("several_failed.subject")), v.text("several_failed.heading")
	v.say(v.text("several_failed.intro"), v.Reason)
	way := "payment_failed." + payWay(reason)
	if retried {
		way = "several_failed.pay"
		v.say(v.text("several_failed.retry"))
	}
	v.payButtons(plans, m)
	v.offer(v.text(way), "contact")
	v.failedPayment(billing.GatheredNotice{Reference: d.Reference, Description: d.Description, Amount: d.Amount, DueAt: d.DueAt, NextAttemptAt: d.NextAttemptAt})
	for _, o := range d.Others {
		v.failedPayment(o)
	}
	v.detail("sum", v.Amount)
}

// failedPayment adds a line for one payment: its purpose, amount and day, and the next attempt.
func (v *View) failedPayment(o billing.GatheredNotice) {
	key := "row"
	if !o.NextAttemptAt.IsZero() {
		key = "row_retry"
	}
	label := oneLine(billing.LabelOf(o.Description, o.Reference))
	value := v.locale.Text("mail.several_failed."+key, map[string]any{
		"amount": v.locale.Amount(o.Amount, v.data.Currency), "date": day(v.locale.Date, o.DueAt, v.data.TimeZone),
		"retry": day(v.locale.Date, o.NextAttemptAt, v.data.TimeZone),
	})
	v.Details = append(v.Details, Detail{label, value, v.locale.Text("mail.line", map[string]any{"label": label, "value": value})})
}

// payButtons adds a button for each plan. The first is Button.
func (v *View) payButtons(plans []billing.Notice, m Merchant) {
	key := "pay"
	if len(plans) > 1 {
		key = "pay_for"
	}
	for _, p := range plans {
		url := link(p, m)
		if url == "" {
			continue
		}
		text := v.locale.Text("mail.button."+key, map[string]any{"amount": v.locale.Amount(p.Data.Amount, v.data.Currency), "reference": oneLine(p.Data.Reference)})
		b := Button{text, url, v.locale.Text("mail.above", map[string]any{"label": text})}
		if v.Button == nil {
			v.Button, v.Link = &b, url
			continue
		}
		v.More = append(v.More, b)
	}
}
