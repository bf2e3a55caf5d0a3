package notify

import "tranche/internal/billing"

// payWay returns the key of the text that explains how to pay after a failure with this reason.
func payWay(r billing.Reason) string {
	switch r {
	case billing.ReasonExpired, billing.ReasonUnsupported, billing.ReasonNoCard:
		return "pay_other"
	case billing.ReasonNoCardSaved:
		return "pay_card"
	case billing.ReasonDetails:
		return "pay_details"
	}
	return "pay_any"
}

// offer appends to the sentences what the customer can do on the page, or whom to contact if there
// is no page.
func (v *View) offer(onPage, contact string, first ...string) {
	last := onPage
	if v.Link == "" {
		last = v.text(contact)
	}
	v.say(append(first, last)...)
}

func (v *View) button(text string) {
	if v.Link != "" {
		text = v.text("button." + text)
		v.Button = &Button{text, v.Link, v.locale.Text("mail.above", map[string]any{"label": text})}
	}
}
