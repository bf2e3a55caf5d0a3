package notify

import (
	"tranche/internal/billing"
)

// compose writes the mail of a notice: what happened, what happens next and what the customer can do.
func (v *View) compose(n billing.Notice, m Merchant) {
	if asks(n.Kind) {
		v.Link = link(n, m)
	}
	v.Subject, v.Heading = oneLine(v.own(v.variant("subject"))), v.own(v.variant("heading"))
	v.Greeting = v.text("greeting_unnamed")
	if v.Name != "" {
		v.Greeting = v.text("greeting")
	}
	v.paragraphs(n.Kind)
	v.Preheader = v.Paragraphs[min(1, len(v.Paragraphs)-1)] // the first says again what the subject said
	v.facts(n.Kind)
	why := "footer.why"
	if v.Merchant == "" {
		why = "footer.why_unnamed"
	}
	v.Footer = []string{v.text(why), v.text("footer.safe")}
}

// asks says whether a kind of notice asks the customer for something, so that a link is worth having.
func asks(k billing.NoticeKind) bool {
	switch k {
	case billing.NoticePaymentSucceeded, billing.NoticePlanCompleted, billing.NoticeCardUpdated, billing.NoticePlanChanged,
		billing.NoticePlanPaused, billing.NoticePlanResumed, billing.NoticePlanCanceled, billing.NoticeRefundMade:
		return false
	}
	return true
}

// variant is the key of a text that is worded otherwise in a reminder.
func (v *View) variant(key string) string {
	if v.Reminder && v.Kind == string(billing.NoticeActionRequired) {
		return key + "_reminder"
	}
	return key
}

func (v *View) paragraphs(k billing.NoticeKind) {
	switch k {
	case billing.NoticeUpcomingCharge:
		v.upcoming()
	case billing.NoticePaymentSucceeded:
		v.succeeded()
	case billing.NoticePaymentFailed:
		v.failed()
	case billing.NoticeActionRequired:
		v.authenticate()
	case billing.NoticeFinal:
		v.final()
	case billing.NoticePlanDefaulted:
		v.say(v.own("intro"), v.own("open"))
		v.offer(v.own("pay"), "contact")
		v.button("pay")
	case billing.NoticeCardExpiring:
		v.say(v.own("intro"))
		v.say(v.own("next"))
		v.offer("", "contact_card")
		v.button("card")
	case billing.NoticeCardUpdated:
		v.say(v.own("intro"))
		v.say(v.own("not_you"))
	case billing.NoticePlanChanged, billing.NoticePlanPaused, billing.NoticePlanResumed, billing.NoticePlanCanceled, billing.NoticeRefundMade:
		v.changed(k)
	default:
		v.say(v.ourOwn("intro", "nothing")...)
	}
}

// upcoming says which card is charged, or asks for one where there is none that can be.
func (v *View) upcoming() {
	v.button("card")
	if v.Card == "" {
		v.say(v.own("intro"))
		v.offer(v.own("no_card"), "contact_card")
		return
	}
	v.say(v.own("intro_card"))
	v.say(v.own("nothing"))
	if v.Link != "" {
		v.say(v.own("change"))
	}
}

func (v *View) succeeded() {
	v.say(v.own("intro"))
	if v.NextDue != "" {
		v.say(v.ourOwn("next", "nothing")...)
	}
}

// failed tells why, when it is tried again, and what the customer can do until then: which card may help depends on why.
func (v *View) failed() {
	v.say(v.own("intro"), v.Reason)
	if v.Retry != "" {
		retry := "retry"
		if v.data.FailureReason == billing.ReasonFunds {
			retry = "retry_funds"
		}
		v.say(v.own(retry))
		if v.Link != "" {
			v.say(v.own("retry_link"))
		}
	} else {
		way := "pay_any"
		switch v.data.FailureReason {
		case billing.ReasonExpired, billing.ReasonUnsupported, billing.ReasonNoCard:
			way = "pay_other"
		case billing.ReasonDetails:
			way = "pay_details"
		}
		v.offer(v.own(way), "contact", v.own("stopped"))
	}
	v.button("pay")
}

func (v *View) authenticate() {
	v.say(v.own(v.variant("intro")))
	v.say(v.own("until"))
	if v.Retry != "" {
		v.say(v.own("retry"))
	}
	v.offer("", "contact")
	v.button("confirm")
}

func (v *View) final() {
	v.say(v.own("intro"), v.Reason)
	last := "last"
	if v.PayBy != "" {
		last = "last_by"
	}
	v.say(v.own(last))
	v.offer("", "contact")
	v.button("pay")
}

// offer says what can be done on the page, or whom to turn to where there is none, after sentences that hold either way.
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

// facts fills the table.
func (v *View) facts(k billing.NoticeKind) {
	if tellsOfChange(k) {
		v.changeFacts(k)
		return
	}
	if k == billing.NoticePlanCompleted {
		v.detail("total", v.Amount)
		v.detail("reference", v.Reference)
		return
	}
	following := ""
	if v.NextDue != "" {
		following = v.text("label.next_value")
	}
	if k == billing.NoticeCardExpiring || k == billing.NoticeCardUpdated {
		v.detail("reference", v.Reference)
		v.detail("card", v.Card)
		v.detail("expires", v.CardExpiry)
		v.detail("next", following)
		return
	}
	v.detail("amount", v.Amount)
	v.detail("reference", v.Reference)
	if v.Of > 1 && v.Sequence > 0 {
		v.detail("part", v.text("label.part_value"))
	}
	v.detail("due", v.DueDay)
	v.detail("card", v.Card)
	v.detail("retry", v.Retry)
	v.detail("deadline", v.PayBy)
	v.detail("next", following)
}
