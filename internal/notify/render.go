package notify

import (
	"embed"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"text/template"
	"time"

	"tranche/internal/billing"
)

//go:embed templates/*.txt
var templates embed.FS

// Merchant is who mails are from, as the customer sees it.
type Merchant struct {
	Name string // may be empty
	// ReturnURL is the merchant's page on which a payment is put right. {charge}, {payment_intent} and {reference}
	// are replaced. Empty: mails hold no link.
	ReturnURL string
	// PayLink is the link to the recovery page for a notice; it goes before ReturnURL. Nil, or an empty link: there is none.
	PayLink func(billing.Notice) string
}

// view is what the templates see. Every text in it is one line.
type view struct {
	Merchant, Name    string
	Amount, Reference string
	Part              string // such as "payment 2 of 3"; empty when there is only one
	Due               string
	Card              string // such as "Visa ending in 4242"; empty when unknown
	Reason            string
	Next              string // when it is tried again; empty when it is not
	Link              string // empty when there is no page
}

// Render writes the mail of a notice: one of the kinds payment_failed, action_required and payment_succeeded.
// Amounts are formatted for the customer's locale and dates for the time zone; unknown ones mean English and UTC.
// Errors: a kind without a template.
func Render(n billing.Notice, m Merchant) (billing.Mail, error) {
	kinds := []billing.NoticeKind{billing.NoticePaymentFailed, billing.NoticeActionRequired, billing.NoticePaymentSucceeded}
	if !slices.Contains(kinds, n.Kind) {
		return billing.Mail{}, fmt.Errorf("render notice %s: no template for %q", n.ID, n.Kind)
	}
	t, err := template.ParseFS(templates, "templates/signature.txt", "templates/"+string(n.Kind)+".txt")
	if err != nil {
		return billing.Mail{}, fmt.Errorf("render notice %s: %w", n.ID, err)
	}
	v := newView(n, m)
	var subject, text strings.Builder
	if err := t.ExecuteTemplate(&subject, "subject", v); err != nil {
		return billing.Mail{}, fmt.Errorf("render notice %s: %w", n.ID, err)
	}
	if err := t.ExecuteTemplate(&text, "text", v); err != nil {
		return billing.Mail{}, fmt.Errorf("render notice %s: %w", n.ID, err)
	}
	return billing.Mail{MessageID: n.MessageID, To: n.To, Subject: subject.String(), Text: strings.TrimSpace(text.String()) + "\n"}, nil
}

func newView(n billing.Notice, m Merchant) view {
	d := n.Data
	v := view{
		Merchant:  oneLine(m.Name),
		Name:      oneLine(d.CustomerName),
		Amount:    formatAmount(d.Amount, d.Currency, d.Locale),
		Reference: oneLine(d.Reference),
		Due:       formatDate(d.DueAt, d.TimeZone),
		Card:      cardText(d.CardBrand, d.CardLast4),
		Reason:    reasonText(d.FailureReason),
		Link:      link(n, m),
	}
	if d.Of > 1 {
		v.Part = fmt.Sprintf("payment %d of %d", d.Sequence, d.Of)
	}
	if !d.NextAttemptAt.IsZero() {
		v.Next = formatDate(d.NextAttemptAt, d.TimeZone)
	}
	return v
}

// formatDate writes a day out, as it is where the customer is: digits alone are read differently on each side of the
// Atlantic.
func formatDate(t time.Time, zone string) string {
	loc, err := time.LoadLocation(zone)
	if err != nil || zone == "Local" { // which is the server's
		loc = time.UTC
	}
	return t.In(loc).Format("2 January 2006")
}

// link is where the customer puts the payment right: our own page, or else the merchant's, filled in.
func link(n billing.Notice, m Merchant) string {
	if m.PayLink != nil {
		if page := m.PayLink(n); page != "" {
			return page
		}
	}
	return strings.NewReplacer(
		"{charge}", escaped(string(n.ChargeID)),
		"{payment_intent}", escaped(n.Data.PaymentIntent),
		"{reference}", escaped(n.Data.Reference),
	).Replace(m.ReturnURL)
}

// escaped is safe in a URL's path as well as in its query.
func escaped(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

// cardText names a card as it is printed on it.
func cardText(brand, last4 string) string {
	if last4 == "" {
		return ""
	}
	return brandName(brand) + " ending in " + oneLine(last4)
}

// brandName spells out Stripe's card brands. Source: docs.stripe.com/api/payment_methods/object, card.brand.
func brandName(brand string) string {
	switch brand {
	case "visa":
		return "Visa"
	case "mastercard":
		return "Mastercard"
	case "amex":
		return "American Express"
	case "discover":
		return "Discover"
	case "diners":
		return "Diners Club"
	case "jcb":
		return "JCB"
	case "unionpay":
		return "UnionPay"
	}
	return "card"
}

// maxText bounds what others wrote, in characters.
const maxText = 300

// oneLine makes what others wrote fit for a line of a mail: no line ends, no control characters, none that turn the
// direction of writing, and no more than maxText.
func oneLine(s string) string {
	s = strings.ToValidUTF8(s, "")
	s = strings.Map(func(r rune) rune {
		switch {
		case r < ' ' || r >= 0x7f && r < 0xa0 || r == '\u2028' || r == '\u2029':
			return ' '
		case r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069':
			return -1
		}
		return r
	}, s)
	s = strings.Join(strings.Fields(s), " ")
	if runes := []rune(s); len(runes) > maxText {
		return string(runes[:maxText-1]) + "…"
	}
	return s
}
