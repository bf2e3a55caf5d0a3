package handlers

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"tranche/internal/billing"
	"tranche/internal/calendar"
	"tranche/internal/locale"
	"tranche/internal/recovery"
)

// teller writes the texts of a visit.
type teller struct {
	*locale.Locale
	v        recovery.Page
	merchant string
	holidays calendar.Holidays
}

// say returns a text of the page, filled in with the data of the visit.
func (t teller) say(key string) string {
	c := t.v.Charge
	data := map[string]any{
		"merchant": t.merchant, "amount": t.Amount(c.Amount, c.Currency), "sequence": c.Sequence, "of": len(t.v.Charges),
		"date": t.day(c.DueAt),
	}
	if t.v.Card != nil {
		data["card"] = t.Card(t.v.Card.Brand, t.v.Card.Last4)
		data["month"], data["year"] = fmt.Sprintf("%02d", t.v.Card.ExpMonth), t.v.Card.ExpYear
	}
	switch key {
	case "paid_text":
		data["date"] = t.day(c.PaidAt)
	case "retry_text":
		data["date"] = t.day(c.NextAttemptAt)
	case "pay_by":
		data["date"] = t.day(t.v.PayBy) // until the end of that day
	}
	return t.Text("page."+key, data)
}

// day formats a day, or returns the text for a missing date.
func (t teller) day(at time.Time) string {
	if at.IsZero() {
		return t.Text("page.no_date", nil)
	}
	return t.Date(at, t.v.Customer.TimeZone)
}

// first reports whether this is the first payment, which was not made in the checkout.
func (t teller) first() bool {
	return t.v.Plan.Status == billing.PlanAwaitingFirstPayment && t.v.Charge.Checkout
}

func (t teller) heading() string {
	if t.v.State == recovery.StatePay && t.first() && t.v.Reason == "" {
		return t.say("first_title")
	}
	if len(t.v.Due) > 1 {
		return t.say("pay_several_title")
	}
	return t.say(string(t.v.State) + "_title")
}

func (t teller) icon() string {
	switch t.v.State {
	case recovery.StatePaid:
		return "done"
	case recovery.StateProcessing, recovery.StateCharging:
		return "wait"
	}
	return ""
}

func (t teller) lead() []string {
	if t.locked() {
		return []string{t.say("locked")}
	}
	switch t.v.State {
	case recovery.StatePay:
		return t.payLead()
	case recovery.StatePayEarly:
		if t.v.Card == nil {
			return []string{t.say("ahead_text_without_card")}
		}
	case recovery.StateWaits:
		if t.v.Card == nil {
			return []string{t.say("waits_text_without_card")}
		}
	case recovery.StateSetup:
		return []string{t.say(t.setupText())}
	case recovery.StatePaid:
		if t.v.Charge.PaidAt.IsZero() {
			return nil
		}
	}
	return []string{t.say(string(t.v.State) + "_text")}
}

// locked reports whether the page takes no payment or card because too many cards were tried.
func (t teller) locked() bool {
	return t.v.Locked && (t.v.State.Payable() || t.v.State == recovery.StateSetup || t.v.NextCharge != nil)
}

// setupText returns the key of the text that explains when a plan's first card will be charged.
func (t teller) setupText() string {
	switch {
	case t.v.Charge.DueAt.IsZero():
		return "setup_text_request"
	case t.v.DueOnSave:
		return "setup_text_due"
	}
	return "setup_text"
}

// payLead returns the texts that ask for the payment, with the deadline and the next retry.
func (t teller) payLead() []string {
	if t.first() {
		return []string{t.say("first_text")}
	}
	lines := []string{t.say("pay_text")}
	if !t.v.PayBy.IsZero() {
		lines = append(lines, t.say("pay_by"))
	}
	if c := t.v.Charge; c.Status == billing.ChargeRetrying && !c.NextAttemptAt.IsZero() && t.v.Card != nil {
		lines = append(lines, t.say("retry_text"))
	}
	return lines
}

func (t teller) amountLabel() string {
	switch t.v.State {
	case recovery.StatePaid:
		return t.say("amount_paid")
	case recovery.StatePay, recovery.StateAuthenticate:
		return t.say("amount_due")
	}
	return t.say("amount")
}

// lines describe the purpose of the amount. If several charges are owed, each has a line.
func (t teller) lines() []string {
	lines := []string{t.v.Plan.Label()}
	if len(t.v.Due) > 1 {
		for _, c := range t.v.Due {
			one := t.about(c)
			lines = append(lines, strings.Join([]string{one.part(), t.Amount(c.Amount, c.Currency), one.due()}, " · "))
		}
		return lines
	}
	if len(t.v.Charges) > 1 {
		lines[0] += " · " + t.part()
	}
	if !t.first() && t.v.State != recovery.StatePaid {
		lines = append(lines, t.due())
	}
	return lines
}

// about returns a teller for another charge of the plan.
func (t teller) about(c billing.Charge) teller {
	t.v.Charge = c
	return t
}

// part returns the number of the charge, and the total number unless the plan is recurring.
func (t teller) part() string {
	if !t.v.Plan.Recurrence.IsZero() {
		return t.say("part_open")
	}
	return t.say("part")
}

func (t teller) due() string {
	if t.v.Charge.DueAt.IsZero() {
		return t.say("due_request")
	}
	return t.say("due")
}

// texts are the texts of the script. Their keys are the names of data attributes, in lower case.
func (t teller) texts() map[string]string {
	texts := map[string]string{
		"version": MandateVersion, "working": t.say("working"), "incomplete": t.say("card_incomplete"), "consent": t.say("consent_needed"),
		"again": t.say("again"), "authentication": t.say("authentication_failed"), "network": t.say("network"), "changed": t.say("changed"),
		"often": t.say("too_often"), "locked": t.say("locked"), "partly": t.say("partly"), "paidtitle": t.say("paid_title"), "paidtext": t.paidNow(), "processingtitle": t.say("processing_title"),
		"processingtext": t.say("processing_text"), "saved": t.savedText(), "savedtitle": t.savedTitle(), "removed": t.say("remove_done"),
	}
	for _, r := range billing.Reasons() {
		texts["reason"+strings.ReplaceAll(string(r), "_", "")] = t.Reason(r)
	}
	return texts
}

// savedText is the text of the next page after a card is saved.
func (t teller) savedText() string {
	if t.v.State == recovery.StateSetup {
		return t.say("setup_done")
	}
	return t.say("change_done")
}

// savedTitle is the title after a card is saved without a payment.
func (t teller) savedTitle() string {
	if t.v.State == recovery.StateSetup {
		return t.say("setup_done")
	}
	if slices.ContainsFunc(t.v.Uses[0].Charges, t.v.Uses[0].Now) {
		return t.say("charging_title")
	}
	return t.say("change_done")
}

// paidNow is the text after Stripe reports that all payments of the form succeeded.
func (t teller) paidNow() string {
	amount := t.v.Total()
	if t.v.NextCharge != nil {
		amount = t.v.NextCharge.Amount
	}
	return t.Text("page.paid_now", map[string]any{"amount": t.Amount(amount, t.v.Plan.Currency)})
}
