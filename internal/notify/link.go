package notify

import (
	"net/url"
	"strings"

	"tranche/internal/billing"
)

// link returns the address of a mail's button: the merchant's PayLink, else the ReturnURL with its
// placeholders filled in. It returns "" if neither is set, or if the ReturnURL needs something that
// the notice lacks. A payment that is not due yet has no PaymentIntent, and a page without one
// could do nothing.
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

// escaped escapes a value for both the path and the query of a URL.
func escaped(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }
