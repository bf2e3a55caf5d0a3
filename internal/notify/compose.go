package notify

import (
	"strings"

	"tranche/internal/billing"
	"tranche/internal/locale"
)

// newView prepares the texts of a notice.
func newView(n billing.Notice, m Merchant) *View {
	d, l := n.Data, locale.Match(n.Data.Locale)
	v := &View{
		Kind: string(n.Kind), Reminder: strings.HasPrefix(n.Step, billing.StepReminder), Lang: l.Tag(), Dir: l.Dir(),
		Merchant: oneLine(m.Name), Name: oneLine(d.CustomerName), Reference: oneLine(d.Reference), Description: oneLine(d.Description),
		Amount: l.Amount(d.Amount, d.Currency), Sequence: d.Sequence, Of: d.Of,
		Due: day(l.Date, d.DueAt, d.TimeZone), DueDay: day(l.Weekday, d.DueAt, d.TimeZone),
		Card: l.Card(d.CardBrand, oneLine(d.CardLast4)), CardExpiry: oneLine(d.CardExpiry), Reason: l.Reason(d.FailureReason),
		Retry: day(l.Date, d.NextAttemptAt, d.TimeZone), PayBy: day(l.Date, d.PayBy, d.TimeZone),
		NextDue: day(l.Date, d.FollowingDue, d.TimeZone),
		locale:  l, data: d,
	}
	if v.NextDue != "" {
		v.NextAmount = l.Amount(d.Following, d.Currency)
	}
	v.compose(n, m)
	return v
}

// compose writes the mail of a notice: what happened, what happens next, and what the customer can
// do.
func (v *View) compose(n billing.Notice, m Merchant) {
	if asks(n.Kind) {
		v.Link = link(n, m)
	}
	v.Greeting = v.text("greeting_unnamed")
	if v.Name != "" {
		v.Greeting = v.text("greeting")
	}
	if len(n.Data.Others) > 0 {
		v.several(n, m)
	} else {
		v.one(n.Kind)
	}
	v.Preheader = v.Paragraphs[min(1, len(v.Paragraphs)-1)] // the first paragraph repeats the subject
	why := "footer.why"
	if v.Merchant == "" {
		why = "footer.why_unnamed"
	}
	v.Footer = []string{v.text(why), v.text("footer.safe")}
}

// one writes the mail of a single notice.
func (v *View) one(k billing.NoticeKind) {
	v.Subject, v.Heading = oneLine(v.own(v.variant("subject"))), v.own(v.variant("heading"))
	v.paragraphs(k)
	v.facts(k)
}

// asks reports whether a kind of notice asks the customer for something, so that its mail needs a
// link.
func asks(k billing.NoticeKind) bool {
	switch k {
	case billing.NoticePlanStarted, billing.NoticePaymentSucceeded, billing.NoticePlanCompleted, billing.NoticeCardUpdated, billing.NoticePlanChanged,
		billing.NoticePlanPaused, billing.NoticePlanResumed, billing.NoticePlanCanceled, billing.NoticeRefundMade, billing.NoticeRefundFailed:
		return false
	}
	return true
}

// variant returns the key of a text that differs in a reminder, or for a plan that begins with a
// card.
func (v *View) variant(key string) string {
	switch {
	case v.Reminder && v.Kind == string(billing.NoticeActionRequired):
		return key + "_reminder"
	case v.awaitsCard():
		return key + "_card"
	}
	return key
}

// awaitsCard reports whether the mail reminds of a checkout that saves a card without a payment.
func (v *View) awaitsCard() bool {
	return v.Kind == string(billing.NoticeCheckoutReminder) && v.data.FailureReason == billing.ReasonNoCardSaved
}

// paragraphs writes the text of the kind of notice.
func (v *View) paragraphs(k billing.NoticeKind) {
	if write, ok := writers()[k]; ok {
		write(v, k)
		return
	}
	v.say(v.ourOwn("intro", "nothing")...)
}

// writers are the kinds of notice whose text is more than an introduction.
func writers() map[billing.NoticeKind]func(v *View, k billing.NoticeKind) {
	plain := func(write func(*View)) func(*View, billing.NoticeKind) {
		return func(v *View, _ billing.NoticeKind) { write(v) }
	}
	return map[billing.NoticeKind]func(*View, billing.NoticeKind){
		billing.NoticeUpcomingCharge:   plain((*View).upcoming),
		billing.NoticePaymentSucceeded: plain((*View).succeeded),
		billing.NoticePaymentFailed:    plain((*View).failed),
		billing.NoticeActionRequired:   plain((*View).authenticate),
		billing.NoticeFinal:            plain((*View).final),
		billing.NoticePlanDefaulted:    plain((*View).defaulted),
		billing.NoticeCardExpiring:     (*View).askForCard,
		billing.NoticeCardNeeded:       (*View).askForCard,
		billing.NoticeCardUpdated:      plain((*View).cardUpdated),
		billing.NoticeCheckoutReminder: plain((*View).checkout),
		billing.NoticePlanStarted:      plain((*View).started),
		billing.NoticePlanChanged:      (*View).changed,
		billing.NoticePlanPaused:       (*View).changed,
		billing.NoticePlanResumed:      (*View).changed,
		billing.NoticePlanCanceled:     (*View).changed,
		billing.NoticeRefundMade:       (*View).changed,
		billing.NoticeRefundFailed:     (*View).changed,
	}
}

func (v *View) cardUpdated() {
	v.say(v.own("intro"))
	v.say(v.own("not_you"))
}

// checkout reminds of a first payment, or of a card, that has not come.
func (v *View) checkout() {
	v.say(v.own(v.variant("intro")))
	button, contact := "pay", "contact"
	if v.awaitsCard() {
		button, contact = "add_card", "contact_card"
	}
	v.offer(v.own(v.variant("pay")), contact)
	v.say(v.own("unwanted"))
	v.button(button)
}

func (v *View) defaulted() {
	v.say(v.own("intro"), v.own("open"))
	v.offer(v.own("pay"), "contact")
	v.button("pay")
}

// askForCard asks for another card, in the text of the kind of notice.
func (v *View) askForCard(k billing.NoticeKind) {
	why := "ask"
	if k == billing.NoticeCardExpiring {
		why = "next"
	}
	v.say(v.own("intro"))
	v.say(v.own(why))
	v.offer("", "contact_card")
	v.button("card")
}

// upcoming names the card that will be charged, or asks for a card if none can be charged.
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

// failed explains why the payment failed, when it is retried, and what the customer can do until
// then. The reason decides which card may help.
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
		v.offer(v.own(payWay(v.data.FailureReason)), "contact", v.own("stopped"))
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

// facts fills the table.
func (v *View) facts(k billing.NoticeKind) {
	if isChange(k) {
		v.changeFacts(k)
		return
	}
	if k == billing.NoticePlanStarted {
		v.startFacts()
		return
	}
	if k == billing.NoticePlanCompleted {
		v.detail("total", v.Amount)
		v.detail("reference", v.label())
		return
	}
	following := ""
	if v.NextDue != "" {
		following = v.text("label.next_value")
	}
	if k == billing.NoticeCardExpiring || k == billing.NoticeCardNeeded || k == billing.NoticeCardUpdated {
		v.detail("reference", v.label())
		v.detail("card", v.Card)
		v.detail("expires", v.CardExpiry)
		v.detail("next", following)
		return
	}
	v.detail("amount", v.Amount)
	v.detail("reference", v.label())
	if v.Of > 1 && v.Sequence > 0 {
		v.detail("part", v.text("label.part_value"))
	}
	if k != billing.NoticeCheckoutReminder || v.awaitsCard() { // a payment in the checkout has no due date of its own
		v.detail("due", v.DueDay)
	}
	v.detail("card", v.Card)
	v.detail("retry", v.Retry)
	v.detail("deadline", v.PayBy)
	v.detail("next", following)
}
