package handlers

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"tranche/internal/billing"
	"tranche/internal/locale"
	"tranche/internal/recovery"
)

// payPage is what the page's template sees. Every text is in the customer's language, and is escaped by the template.
type payPage struct {
	Lang, Dir, Title  string
	Merchant, Initial string
	Test              bool
	TestMode          string
	CSS, JS, StripeJS string
	Contact           string

	Icon, Heading, Reason string
	Lead                  []string
	AmountLabel, Amount   string
	Lines                 []string
	Button, Path          string // of the form that asks for a new link

	Live                            bool // the page has a script, which finds the rest
	State, Branch                   string
	Key, Account, StripeLang, Codes string
	NoScript, Secure                string
	Pay                             *payForm
	ScheduleTitle                   string
	Schedule                        []scheduleRow
	Wallet                          *walletView
	Texts                           map[string]string
}

// payForm pays one charge.
type payForm struct {
	Charge, Summary      string // Summary folds the form away
	Legend, Saved, Other string // Saved is empty when there is no saved card to pay with
	OtherFirst           bool
	Card                 cardField
	Button               string
}

// cardField is where another card is given.
type cardField struct{ ID, Label, Consent string }

// scheduleRow is one charge of the plan.
type scheduleRow struct {
	Class, Date, Status, Amount string
	Current                     bool
}

// walletView is the saved card and what may be done with it.
type walletView struct {
	Title, Card, Expires, None string
	Change                     *foldView
	Remove                     *foldView
}

// foldView is a form that is folded away.
type foldView struct {
	Summary, Text, Button string
	Card                  cardField
}

// barePage is a page that says one thing.
func (s *Server) barePage(l *locale.Locale, heading, lead string) payPage {
	p := s.newPage(l)
	p.Heading, p.Lead = l.Text(heading, nil), []string{l.Text(lead, nil)}
	return p
}

func (s *Server) newPage(l *locale.Locale) payPage {
	who := map[string]any{"merchant": s.Pay.Merchant, "contact": s.Pay.Contact}
	assets := loadAssets()
	p := payPage{
		Lang: l.Tag(), Dir: l.Dir(), Title: l.Text("page.title", who), Merchant: s.Pay.Merchant, Initial: initial(s.Pay.Merchant),
		Test: strings.HasPrefix(s.Pay.PublishableKey, "pk_test_"), TestMode: l.Text("page.test_mode", nil),
		CSS: assets.css, JS: assets.js, Contact: l.Text("page.contact_plain", who),
	}
	if s.Pay.Contact != "" {
		p.Contact = l.Text("page.contact", who)
	}
	return p
}

// initial is the first letter of a name.
func initial(name string) string {
	r, _ := utf8.DecodeRuneInString(strings.TrimLeftFunc(name, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }))
	if r == utf8.RuneError {
		return "•"
	}
	return string(unicode.ToUpper(r))
}

// visitPage is the page of a visit.
func (s *Server) visitPage(v recovery.Visit, l *locale.Locale) payPage {
	p := s.newPage(l)
	t := teller{l, v, s.Pay.Merchant}
	p.Live, p.State, p.Branch = true, stateOf(v), string(v.Branch)
	p.Account = v.Plan.Account
	p.Key, p.StripeLang, p.Codes = s.Pay.PublishableKey, stripeLang(l.Tag()), s.codes
	p.NoScript, p.Secure = t.say("noscript"), t.say("secure")
	p.Heading, p.Lead, p.Icon = t.heading(), t.lead(), t.icon()
	p.Reason = l.Reason(v.Reason)
	p.AmountLabel, p.Amount, p.Lines = t.amountLabel(), l.Amount(v.Charge.Amount, v.Charge.Currency), t.lines()
	p.Pay, p.Wallet = t.payForm(), t.wallet()
	p.ScheduleTitle, p.Schedule = t.say("schedule"), t.schedule()
	p.Texts = t.texts()
	if p.Pay != nil || p.Wallet != nil && p.Wallet.Change != nil {
		p.StripeJS = s.Pay.StripeJSURL
	}
	return p
}

// stripeLang is the language for Stripe.js, which speaks the page's languages by the same names.
func stripeLang(tag string) string {
	lang, _, _ := strings.Cut(tag, "-")
	return lang
}

// stateOf names what the page shows, so that its script sees when that has changed. It tells nothing by itself.
func stateOf(v recovery.Visit) string {
	h := sha256.New()
	card := ""
	if v.Card != nil {
		card = string(v.Card.ID)
	}
	fmt.Fprintln(h, v.Plan.Status, card, v.Branch, v.Reason)
	for _, c := range v.Charges {
		fmt.Fprintln(h, c.ID, c.Status, c.NextAttemptAt.UnixMilli())
	}
	return hex.EncodeToString(h.Sum(nil)[:9])
}

// codesJSON is the table of codes for the script.
func codesJSON(codes map[string]billing.Reason) string {
	data, err := json.Marshal(codes)
	if err != nil || codes == nil {
		return "{}"
	}
	return string(data)
}

// teller says what there is to say of a visit.
type teller struct {
	*locale.Locale
	v        recovery.Visit
	merchant string
}

// say is a text of the page, with all that any of them may hold.
func (t teller) say(key string) string {
	c := t.v.Charge
	data := map[string]any{
		"merchant": t.merchant, "amount": t.Amount(c.Amount, c.Currency), "sequence": c.Sequence, "of": len(t.v.Charges),
		"date": t.Date(c.DueAt, t.v.Customer.TimeZone),
	}
	if t.v.Card != nil {
		data["card"] = t.Card(t.v.Card.Brand, t.v.Card.Last4)
		data["month"], data["year"] = fmt.Sprintf("%02d", t.v.Card.ExpMonth), t.v.Card.ExpYear
	}
	switch key {
	case "paid_text":
		data["date"] = t.Date(c.PaidAt, t.v.Customer.TimeZone)
	case "retry_text":
		data["date"] = t.Date(c.NextAttemptAt, t.v.Customer.TimeZone)
	}
	return t.Text("page."+key, data)
}

// first says whether this is the first payment, which the checkout did not bring.
func (t teller) first() bool {
	return t.v.Plan.Status == billing.PlanAwaitingFirstPayment && t.v.Charge.Checkout
}

func (t teller) heading() string {
	if t.v.Branch == recovery.BranchPay && t.first() && t.v.Reason == "" {
		return t.say("first_title")
	}
	return t.say(string(t.v.Branch) + "_title")
}

func (t teller) icon() string {
	switch t.v.Branch {
	case recovery.BranchPaid:
		return "done"
	case recovery.BranchProcessing:
		return "wait"
	}
	return ""
}

func (t teller) lead() []string {
	switch t.v.Branch {
	case recovery.BranchPay:
		if t.first() {
			return []string{t.say("first_text")}
		}
		lines := []string{t.say("pay_text")}
		if c := t.v.Charge; c.Status == billing.ChargeRetrying && !c.NextAttemptAt.IsZero() && t.v.Card != nil {
			lines = append(lines, t.say("retry_text"))
		}
		return lines
	case recovery.BranchAhead:
		if t.v.Card == nil {
			return []string{t.say("ahead_text_without_card")}
		}
	case recovery.BranchPaid:
		if t.v.Charge.PaidAt.IsZero() {
			return nil
		}
	}
	return []string{t.say(string(t.v.Branch) + "_text")}
}

func (t teller) amountLabel() string {
	switch t.v.Branch {
	case recovery.BranchPaid:
		return t.say("amount_paid")
	case recovery.BranchPay, recovery.BranchAuthenticate:
		return t.say("amount_due")
	}
	return t.say("amount")
}

// lines say what the amount is for.
func (t teller) lines() []string {
	lines := []string{t.v.Plan.Reference}
	if len(t.v.Charges) > 1 {
		lines[0] += " · " + t.say("part")
	}
	if !t.first() && t.v.Branch != recovery.BranchPaid {
		lines = append(lines, t.say("due"))
	}
	return lines
}

// payForm is the form that pays what is due, or, folded away, what comes next.
func (t teller) payForm() *payForm {
	charge, summary, button := t.v.Charge, "", "button_pay"
	switch {
	case t.v.Branch == recovery.BranchAuthenticate:
		button = "button_authenticate"
	case t.v.Branch == recovery.BranchAhead:
		summary = t.say("ahead_button")
		if t.v.Card == nil {
			summary = ""
		}
	case t.v.Branch == recovery.BranchPay:
	case t.v.Ahead != nil:
		charge, summary = *t.v.Ahead, t.say("ahead_next")
	default:
		return nil
	}
	other := t
	other.v.Charge = charge
	f := &payForm{Charge: string(charge.ID), Summary: summary, Button: other.say(button), Card: t.cardField("pay-card")}
	if t.v.Card != nil {
		f.Legend, f.Saved, f.Other = t.say("method"), t.Card(t.v.Card.Brand, t.v.Card.Last4), t.say("method_other")
		f.OtherFirst = savedWillFail(t.v)
	}
	return f
}

// savedWillFail says whether the saved card is a poor choice, by why it failed.
func savedWillFail(v recovery.Visit) bool {
	return v.Branch == recovery.BranchPay && slices.Contains([]billing.Reason{
		billing.ReasonDeclined, billing.ReasonExpired, billing.ReasonDetails, billing.ReasonUnsupported, billing.ReasonNoCard,
	}, v.Reason)
}

func (t teller) cardField(id string) cardField {
	return cardField{ID: id, Label: t.say("card_details"), Consent: t.say("consent")}
}

// schedule lists the plan's charges; one charge alone is told by the heading.
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
		rows[i] = scheduleRow{
			Class: class, Date: t.Date(at, t.v.Customer.TimeZone), Status: t.say("status_" + class),
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

// wallet is the saved card, where something is still to be charged on one.
func (t teller) wallet() *walletView {
	if !t.v.ChangeCard || t.v.Branch == recovery.BranchProcessing {
		return nil
	}
	w := &walletView{Title: t.say("saved_card"), None: t.say("no_saved_card")}
	text := "change_text"
	if waitsForCard(t.v.Charges) {
		text = "change_text_due"
	}
	w.Change = &foldView{Summary: t.say("change_card"), Text: t.say(text), Button: t.say("change_button"), Card: t.cardField("save-card")}
	if t.v.Card == nil {
		w.Change.Summary = w.Change.Button
	} else {
		w.Card = t.Card(t.v.Card.Brand, t.v.Card.Last4)
		if t.v.Card.ExpMonth > 0 {
			w.Expires = t.say("expires")
		}
		w.Remove = &foldView{Summary: t.say("remove_card"), Text: t.say("remove_text"), Button: t.say("remove_button")}
	}
	return w
}

// waitsForCard says whether a new card is charged for something at once.
func waitsForCard(charges []billing.Charge) bool {
	return slices.ContainsFunc(charges, billing.Charge.Owed)
}

// texts are what the script says. The names are those of data attributes, which are in lower case.
func (t teller) texts() map[string]string {
	texts := map[string]string{
		"version": MandateVersion, "working": t.say("working"), "incomplete": t.say("card_incomplete"), "consent": t.say("consent_needed"),
		"again": t.say("again"), "authentication": t.say("authentication_failed"), "network": t.say("network"), "changed": t.say("changed"),
		"often": t.say("too_often"), "paidtitle": t.say("paid_title"), "paidtext": t.paidNow(), "processingtitle": t.say("processing_title"),
		"processingtext": t.say("processing_text"), "saved": t.say("change_done"), "removed": t.say("remove_done"),
	}
	for _, r := range billing.Reasons() {
		texts["reason"+strings.ReplaceAll(string(r), "_", "")] = t.Reason(r)
	}
	return texts
}

// paidNow is what is said once Stripe has said that it succeeded, of the charge that the form pays.
func (t teller) paidNow() string {
	if t.v.Ahead != nil {
		t.v.Charge = *t.v.Ahead
	}
	return t.say("paid_now")
}
