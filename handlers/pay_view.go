package handlers

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"tranche/internal/billing"
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
