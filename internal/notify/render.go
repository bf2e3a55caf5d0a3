package notify

import (
	"fmt"
	"slices"

	"tranche/internal/billing"
)

// Merchant is the sender of mails as the customer sees it, with the layout of the mails.
type Merchant struct {
	Name string // may be empty
	// PayLink returns the address of the page for a notice, where the customer pays or adds a card. If
	// it is nil or returns "", ReturnURL is used. It is called once for a mail, and only for a kind
	// that asks for something.
	PayLink func(billing.Notice) string
	// ReturnURL is the merchant's payment page. {charge}, {payment_intent} and {reference} are
	// replaced. If the notice lacks a value, or ReturnURL is empty, the mail has no link.
	ReturnURL string
	// Templates lays out the mails; nil means the built-in templates.
	Templates *Templates
}

// Render writes the mail of a notice in the customer's language, with its formats of amounts and
// dates. An unknown language falls back to English, and an unknown time zone to UTC. Errors: an
// unknown kind, or a template that fails.
func Render(n billing.Notice, m Merchant) (billing.Mail, error) {
	if !slices.Contains(billing.NoticeKinds(), n.Kind) {
		return billing.Mail{}, fmt.Errorf("render notice %s: unknown kind of notice %q", n.ID, n.Kind)
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
