package notify

import (
	"strconv"
	"strings"
	"time"

	"tranche/internal/billing"
	"tranche/internal/locale"
)

// View is what a template sees. Every text in it is one line, in the customer's language, and not escaped: html/template
// does that. docs/notices.md describes it for those who write templates.
type View struct {
	Kind     string // such as payment_failed
	Reminder bool   // of action_required: this is not the first
	Lang     string // BCP 47, for the lang attribute
	Dir      string // ltr or rtl, for the dir attribute

	// The mail, ready to be laid out.
	Subject    string
	Preheader  string // what a list of mails shows beside the subject
	Heading    string
	Greeting   string
	Paragraphs []string
	Button     *Button // nil where there is nothing to do, or no page to do it on
	Details    []Detail
	Footer     []string

	// The facts, for templates with words of their own. Those that are not known are empty.
	Merchant, Name, Reference string
	Amount                    string // such as £333.00
	Sequence, Of              int    // charge 2 of 3; 0 where the notice is about no single charge
	Due                       string // such as 20 December 2026; DueDay has the weekday too
	DueDay                    string
	Card                      string // such as Visa ending in 4242
	CardExpiry                string // such as 08/27
	Reason                    string // a sentence that says why the payment did not go through
	Retry                     string // the day of the next attempt by itself
	PayBy                     string // the last day before the plan is given up
	NextAmount, NextDue       string // the charge after this one
	Link                      string // where the customer puts it right

	locale *locale.Locale
	data   billing.NoticeData
}

// Button is what the customer is asked to do.
type Button struct {
	Text, URL string
	Above     string // the text as a line above the URL, for mails without HTML
}

// Detail is a line of the table of facts.
type Detail struct {
	Label, Value string
	Line         string // both in one, for mails without HTML
}

// newView finds the words for a notice.
func newView(n billing.Notice, m Merchant) *View {
	d, l := n.Data, locale.Match(n.Data.Locale)
	v := &View{
		Kind: string(n.Kind), Reminder: strings.HasPrefix(n.Step, billing.StepReminder), Lang: l.Tag(), Dir: l.Dir(),
		Merchant: oneLine(m.Name), Name: oneLine(d.CustomerName), Reference: oneLine(d.Reference),
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

// day writes a day out, and nothing for a time that is not known.
func day(write func(time.Time, string) string, at time.Time, zone string) string {
	if at.IsZero() {
		return ""
	}
	return write(at, zone)
}

// dayOrNone writes a day out, or that there is none yet.
func (v *View) dayOrNone(at time.Time) string {
	if at.IsZero() {
		return v.text("schedule.waits")
	}
	return day(v.locale.Date, at, v.data.TimeZone)
}

// words are what texts are filled in with. Not every text has a place for each.
func (v *View) words() map[string]any {
	to := ""
	if v.Merchant != "" {
		to = v.locale.Text("mail.to", map[string]any{"merchant": v.Merchant})
	}
	return map[string]any{
		"to": to, "merchant": v.Merchant, "name": v.Name, "reference": v.Reference, "amount": v.Amount, "date": v.Due,
		"card": v.Card, "expiry": v.CardExpiry, "retry": v.Retry, "deadline": v.PayBy,
		"next_amount": v.NextAmount, "next_date": v.NextDue, "n": strconv.Itoa(v.Sequence), "of": strconv.Itoa(v.Of),
	}
}

// text is a text of the mails: "footer.safe".
func (v *View) text(key string) string { return v.locale.Text("mail."+key, v.words()) }

// own is a text of this kind of notice: "intro" is mail.payment_failed.intro.
func (v *View) own(key string) string { return v.text(v.Kind + "." + key) }

// ourOwn are several of them.
func (v *View) ourOwn(keys ...string) []string {
	texts := make([]string, len(keys))
	for i, key := range keys {
		texts[i] = v.own(key)
	}
	return texts
}

// say adds a paragraph of sentences; an empty one is left out.
func (v *View) say(sentences ...string) {
	var p strings.Builder
	for _, s := range sentences {
		if s == "" {
			continue
		}
		if p.Len() > 0 && !strings.HasSuffix(p.String(), "。") { // after which Japanese leaves no blank
			p.WriteByte(' ')
		}
		p.WriteString(s)
	}
	if p.Len() > 0 {
		v.Paragraphs = append(v.Paragraphs, p.String())
	}
}

// detail adds a line to the table of facts, if there is a fact.
func (v *View) detail(label, value string) {
	if value == "" {
		return
	}
	label = v.text("label." + label)
	v.Details = append(v.Details, Detail{label, value, v.locale.Text("mail.line", map[string]any{"label": label, "value": value})})
}
