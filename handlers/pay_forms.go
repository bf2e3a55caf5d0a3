package handlers

import (
	"slices"
	"strings"

	"tranche/internal/billing"
	"tranche/internal/recovery"
)

// payForm is the form that pays the due charges, or the next charge early.
type payForm struct {
	Charges              string // ids, separated by blanks
	Total                int64  // minor units
	Summary              string // the label of the collapsed form; empty: the form is open
	Legend, Saved, Other string // Saved is empty when there is no saved card to pay with
	OtherFirst           bool
	Card                 cardField
	Button               string
}

// cardField is the field for another card.
type cardField struct {
	ID, Label string
	Agreement agreement
}

// scheduleRow is one charge of the plan.
type scheduleRow struct {
	Class, Date, Status, Amount string
	Current                     bool
}

// walletView is the saved card with the forms to change or remove it.
type walletView struct {
	Title, Card, Expires, None string
	Change                     *foldView
	Remove                     *foldView
}

// foldView is a collapsed form.
type foldView struct {
	Summary, Text, Button string
	Card                  cardField
}

// payForm returns the form that pays all due charges, or a collapsed form that pays the next
// charge.
func (t teller) payForm() *payForm {
	if t.v.Locked {
		return nil
	}
	charges, summary, button := t.v.Due, "", "button_pay"
	switch {
	case t.v.State == recovery.StateAuthenticate:
		button = "button_authenticate"
	case t.v.State == recovery.StatePay:
	case t.v.State == recovery.StatePayEarly:
		charges, summary = []billing.Charge{t.v.Charge}, t.say("ahead_button")
		if t.v.Card == nil {
			summary = ""
		}
	case t.v.NextCharge != nil:
		charges, summary = []billing.Charge{*t.v.NextCharge}, t.say("ahead_next")
	default:
		return nil
	}
	total := sum(charges)
	f := &payForm{
		Charges: idsOf(charges), Total: total, Summary: summary, Card: t.cardField("pay-card", charges),
		Button: t.Text("page."+button, map[string]any{"amount": t.Amount(total, t.v.Plan.Currency)}),
	}
	if t.v.Card != nil {
		f.Legend, f.Saved, f.Other = t.say("method"), t.Card(t.v.Card.Brand, t.v.Card.Last4), t.say("method_other")
		f.OtherFirst = savedWillFail(t.v)
	}
	return f
}

func idsOf(charges []billing.Charge) string {
	ids := make([]string, len(charges))
	for i, c := range charges {
		ids[i] = string(c.ID)
	}
	return strings.Join(ids, " ")
}

// savedWillFail reports whether the saved card will probably fail again, by the reason of its
// failure.
func savedWillFail(v recovery.Page) bool {
	return v.State == recovery.StatePay && slices.Contains([]billing.Reason{
		billing.ReasonDeclined, billing.ReasonExpired, billing.ReasonDetails, billing.ReasonUnsupported, billing.ReasonNoCard,
	}, v.Reason)
}

func (t teller) cardField(id string, paid []billing.Charge) cardField {
	return cardField{ID: id, Label: t.say("card_details"), Agreement: t.agree(paid)}
}

// schedule lists the plan's charges. It is empty for a single charge, which the heading describes.
func (t teller) schedule() []scheduleRow {
	if len(t.v.Charges) < 2 {
		return nil
	}
	rows := make([]scheduleRow, len(t.v.Charges))
	for i, c := range t.v.Charges {
		class := scheduleClass(c)
		at := c.DueAt
		if class == "paid" && !c.PaidAt.IsZero() {
			at = c.PaidAt
		}
		if t.v.State == recovery.StateCharging && c.Owed() {
			class = "processing"
		}
		rows[i] = scheduleRow{
			Class: class, Date: t.day(at), Status: t.say("status_" + class),
			Amount: t.Amount(c.Amount, c.Currency), Current: c.ID == t.v.Charge.ID,
		}
	}
	return rows
}

func scheduleClass(c billing.Charge) string {
	switch c.Status {
	case billing.ChargeSucceeded, billing.ChargeDisputed:
		return "paid"
	case billing.ChargeCanceled:
		return "canceled"
	case billing.ChargeRefunded:
		return "refunded"
	case billing.ChargeCollecting:
		return "processing"
	case billing.ChargeScheduled:
		return "scheduled"
	}
	return "due"
}

// wallet returns the saved card if the plan still has charges to make, else nil.
func (t teller) wallet() *walletView {
	if !t.v.ChangeCard || t.v.State == recovery.StateProcessing || t.v.State == recovery.StateCharging {
		return nil
	}
	if t.v.State == recovery.StateSetup {
		return t.firstCard()
	}
	w := &walletView{Title: t.say("saved_card"), None: t.say("no_saved_card")}
	text := "change_text"
	if t.chargesAtOnce() {
		text = "change_text_due"
	}
	if !t.v.Locked {
		w.Change = &foldView{Summary: t.say("change_card"), Text: t.say(text), Button: t.say("change_button"), Card: t.cardField("save-card", nil)}
	}
	if t.v.Card == nil && w.Change != nil {
		w.Change.Summary = w.Change.Button
	}
	if t.v.Card != nil {
		w.Card = t.Card(t.v.Card.Brand, t.v.Card.Last4)
		if t.v.Card.ExpMonth > 0 {
			w.Expires = t.say("expires")
		}
		w.Remove = &foldView{Summary: t.say("remove_card"), Text: t.say("remove_text"), Button: t.say("remove_button")}
	}
	return w
}

// firstCard returns the form for the card that a plan waits for; nil while the page is locked.
func (t teller) firstCard() *walletView {
	if t.v.Locked {
		return nil
	}
	return &walletView{Change: &foldView{Button: t.say("change_button"), Card: t.cardField("save-card", nil)}}
}

// chargesAtOnce reports whether any charge is made on a new card as soon as the card is saved.
func (t teller) chargesAtOnce() bool {
	return slices.ContainsFunc(t.v.Uses, func(u recovery.Use) bool { return slices.ContainsFunc(u.Charges, u.Now) })
}
