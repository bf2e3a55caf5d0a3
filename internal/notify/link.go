package notify

import (
	"net/url"
	"strings"

	"tranche/internal/billing"
)

// link is the address behind a mail's button: the merchant's PayLink, else its ReturnURL filled in. It is empty where there
// is neither, and where the ReturnURL asks for something that the notice does not have: a payment that is not due yet has
// no PaymentIntent, and a page without one could do nothing.
func link(n billing.Notice, m Merchant) string {
	if m.PayLink != nil {
		if address := m.PayLink(n); address != "" {
			return address
		}
	}
	var pairs []string
	for name, value := range map[string]string{
		"{charge}": string(n.ChargeID), "{payment_intent}": n.Data.PaymentIntent, "{reference}": n.Data.Reference,
	} {
		if value == "" && strings.Contains(m.ReturnURL, name) {
			return ""
		}
		pairs = append(pairs, name, escaped(value))
	}
	return strings.NewReplacer(pairs...).Replace(m.ReturnURL)
}

// escaped is safe in a URL's path as well as in its query.
func escaped(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }
