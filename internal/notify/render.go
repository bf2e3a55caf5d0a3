package notify

import (
	"fmt"
	"slices"
	"strings"

	"tranche/internal/billing"
)

// Merchant is who mails are from, as the customer sees it, and what their mails look like.
type Merchant struct {
	Name string // may be empty
	// PayLink is the address of the page on which the customer puts right what a notice is about. Nil, or an empty answer:
	// the ReturnURL. It is called once for a mail, and only for a kind that asks for something.
	PayLink func(billing.Notice) string
	// ReturnURL is the merchant's page on which a payment is put right. {charge}, {payment_intent} and {reference}
	// are replaced; where the notice has none of what it asks for, there is no link. Empty: mails hold no link.
	ReturnURL string
	// Templates lay mails out; nil means those built in.
	Templates *Templates
}

// Render writes the mail of a notice in the customer's language, with amounts and dates as they are written there. An
// unknown language means English and an unknown time zone UTC. Errors: a kind that is none, or a template that fails.
func Render(n billing.Notice, m Merchant) (billing.Mail, error) {
	if !slices.Contains(billing.NoticeKinds(), n.Kind) {
		return billing.Mail{}, fmt.Errorf("render notice %s: %q is no kind of notice", n.ID, n.Kind)
	}
	templates := m.Templates
	if templates == nil {
		templates = builtIn()
	}
	v := newView(n, m)
	mail := billing.Mail{MessageID: n.MessageID, To: n.To}
	var err error
	if mail.Text, mail.Subject, err = templates.text(v); err != nil {
		return billing.Mail{}, fmt.Errorf("render notice %s: %w", n.ID, err)
	}
	v.Subject = mail.Subject
	if mail.HTML, err = templates.html(v); err != nil {
		return billing.Mail{}, fmt.Errorf("render notice %s: %w", n.ID, err)
	}
	return mail, nil
}

// tidy takes off what templates leave behind: blanks at line ends, and more than one empty line in a row.
func tidy(text string) string {
	var b strings.Builder
	empty := 0
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, " \t\r\n")
		if line == "" {
			empty++
			continue
		}
		if b.Len() > 0 {
			b.WriteString(strings.Repeat("\n", min(empty, 1)))
		}
		empty = 0
		b.WriteString(line + "\n")
	}
	return b.String()
}
