package notify

import (
	"strconv"
	"strings"
	"time"

	"tranche/internal/billing"
	"tranche/internal/locale"
)

// View is the data of a template. Every text in it is one line, in the customer's language, and not
// escaped: html/template does that. docs/notices.md describes it for authors of templates.
type View struct {
	Kind     string // such as payment_failed
	Reminder bool   // of action_required: not the first
	Lang     string // BCP 47, for the lang attribute
	Dir      string // ltr or rtl, for the dir attribute

	// The mail, ready for layout.
	Subject    string
	Preheader  string // shown next to the subject in a list of mails
	Heading    string
	Greeting   string
	Paragraphs []string
	Button     *Button  // nil if there is nothing to do, or no page
	More       []Button // for the plans after the first, if the mail covers several
	Details    []Detail
	Footer     []string

	// The data, for templates with their own texts. Unknown values are empty.
	Merchant, Name, Reference string
	Description               string // the merchant's description of the plan
	Amount                    string // such as £333.00
	Sequence, Of              int    // charge 2 of 3; 0 if the notice is not about one charge
	Due                       string // such as 20 December 2026; DueDay has the weekday too
	DueDay                    string
	Card                      string // such as Visa ending in 4242
	CardExpiry                string // such as 08/27
	Reason                    string // a sentence with the reason of the failure
	Retry                     string // the day of the next automatic attempt
	PayBy                     string // the last day to pay before the plan is given up
	NextAmount, NextDue       string // the charge after this one
	Link                      string // the page for paying or adding a card

	locale *locale.Locale
	data   billing.NoticeData
}

// Button is the action that the mail asks for.
type Button struct {
	Text, URL string
	Above     string // the text above the URL, for mails without HTML
}

// Detail is a line of the table.
type Detail struct {
	Label, Value string
	Line         string // both in one, for mails without HTML
}

// label returns what the plan is for: its description and reference.
func (v *View) label() string { return billing.LabelOf(v.Description, v.Reference) }

// day formats a day, or returns "" for an unknown time.
func day(write func(time.Time, string) string, at time.Time, zone string) string {
	if at.IsZero() {
		return ""
	}
	return write(at, zone)
}

// dayOrNone formats a day, or says that it is not set.
func (v *View) dayOrNone(at time.Time) string {
	if at.IsZero() {
		return v.text("schedule.waits")
	}
	return day(v.locale.Date, at, v.data.TimeZone)
}

// words returns the values of the texts' placeholders. Not every text uses each.
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

// text returns a text of the mails: "footer.safe".
func (v *View) text(key string) string { return v.locale.Text("mail."+key, v.words()) }

// own returns a text of this kind of notice: "intro" is mail.payment_failed.intro.
func (v *View) own(key string) string { return v.text(v.Kind + "." + key) }

// ourOwn returns several of them.
func (v *View) ourOwn(keys ...string) []string {
	texts := make([]string, len(keys))
	for i, key := range keys {
		texts[i] = v.own(key)
	}
	return texts
}

// say adds a paragraph of sentences, unless it is empty.
func (v *View) say(sentences ...string) {
	var p strings.Builder
	for _, s := range sentences {
		if s == "" {
			continue
		}
		if p.Len() > 0 && !strings.HasSuffix(p.String(), "。") { // Japanese has no space between sentences
			p.WriteByte(' ')
		}
		p.WriteString(s)
	}
	if p.Len() > 0 {
		v.Paragraphs = append(v.Paragraphs, p.String())
	}
}

// detail adds a line to the table, unless its value is empty.
func (v *View) detail(label, value string) {
	if value == "" {
		return
	}
	label = v.text("label." + label)
	v.Details = append(v.Details, Detail{label, value, v.locale.Text("mail.line", map[string]any{"label": label, "value": value})})
}
