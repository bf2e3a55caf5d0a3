package handlers

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"tranche/internal/billing"
	"tranche/internal/calendar"
	"tranche/internal/locale"
	"tranche/internal/recovery"
)

// payPage is the data of the page's template. Every text is in the customer's language; the
// template escapes it.
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
	Button, Path          string // of the form that requests a new link

	Live                            bool // the page has the script and the fields below
	StateHash, PageState            string
	Key, Account, StripeLang, Codes string
	NoScript, Secure                string
	Pay                             *payForm
	ScheduleTitle                   string
	Schedule                        []scheduleRow
	Wallet                          *walletView
	Texts                           map[string]string
}

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

// barePage returns a page with only a heading and one text.
func (s *payServer) barePage(l *locale.Locale, heading, lead string) payPage {
	p := s.newPage(l)
	p.Heading, p.Lead = l.Text(heading, nil), []string{l.Text(lead, nil)}
	return p
}

func (s *payServer) newPage(l *locale.Locale) payPage {
	who := map[string]any{"merchant": s.page.Merchant, "contact": s.page.Contact}
	assets := loadAssets()
	p := payPage{
		Lang: l.Tag(), Dir: l.Dir(), Title: l.Text("page.title", who), Merchant: s.page.Merchant, Initial: initial(s.page.Merchant),
		Test: strings.HasPrefix(s.page.PublishableKey, "pk_test_"), TestMode: l.Text("page.test_mode", nil),
		CSS: assets.css, JS: assets.js, Contact: l.Text("page.contact_plain", who),
	}
	if s.page.Contact != "" {
		p.Contact = l.Text("page.contact", who)
	}
	return p
}

// initial returns the first letter or digit of a name, in upper case.
func initial(name string) string {
	r, _ := utf8.DecodeRuneInString(strings.TrimLeftFunc(name, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }))
	if r == utf8.RuneError {
		return "•"
	}
	return string(unicode.ToUpper(r))
}

// visitPage returns the page of a visit.
func (s *payServer) visitPage(v recovery.Page, l *locale.Locale) payPage {
	p := s.newPage(l)
	t := teller{l, v, s.page.Merchant, s.page.Holidays}
	p.Live, p.StateHash, p.PageState = true, stateOf(v), string(v.State)
	p.Account = v.Plan.Account
	p.Key, p.StripeLang, p.Codes = s.page.PublishableKey, stripeLang(l.Tag()), s.codes
	p.NoScript, p.Secure = t.say("noscript"), t.say("secure")
	p.Heading, p.Lead, p.Icon = t.heading(), t.lead(), t.icon()
	p.Reason = l.Reason(v.Reason)
	p.AmountLabel, p.Amount, p.Lines = t.amountLabel(), l.Amount(v.Total(), v.Charge.Currency), t.lines()
	p.Pay, p.Wallet = t.payForm(), t.wallet()
	p.ScheduleTitle, p.Schedule = t.say("schedule"), t.schedule()
	p.Texts = t.texts()
	if p.Pay != nil || p.Wallet != nil && p.Wallet.Change != nil {
		p.StripeJS = s.page.StripeJSURL
	}
	return p
}

// stripeLang returns the language for Stripe.js, which uses the same names of languages.
func stripeLang(tag string) string {
	lang, _, _ := strings.Cut(tag, "-")
	return lang
}

// stateOf returns a hash of the page's content, so that its script can detect a change. The hash
// reveals nothing.
func stateOf(v recovery.Page) string {
	h := sha256.New()
	card := ""
	if v.Card != nil {
		card = string(v.Card.ID)
	}
	fmt.Fprintln(h, v.Plan.Status, card, v.State, v.Reason, v.Locked)
	for _, c := range v.Charges {
		fmt.Fprintln(h, c.ID, c.Status, c.NextAttemptAt.UnixMilli())
	}
	return hex.EncodeToString(h.Sum(nil)[:9])
}

// codesJSON returns the table of decline codes for the script.
func codesJSON(codes map[string]billing.Reason) string {
	data, err := json.Marshal(codes)
	if err != nil || codes == nil {
		return "{}"
	}
	return string(data)
}

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
