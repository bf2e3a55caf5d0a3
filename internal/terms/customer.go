package terms

import (
	"net/mail"
	"regexp"
	"strings"

	"tranche/internal/billing"
	"tranche/internal/plaintext"
	"tranche/internal/timezone"
)

// Customer describes the customer in a request.
type Customer struct {
	Reference string `json:"reference"`
	Email     string `json:"email,omitempty"`
	Name      string `json:"name,omitempty"`
	Locale    string `json:"locale,omitempty"`
	TimeZone  string `json:"timezone,omitempty"`
	// StripeCustomer is the customer's id at Stripe (cus_…), if the merchant has one.
	StripeCustomer string `json:"stripe_customer,omitempty"`
}

// maxEmail bounds an address, in bytes. Source: RFC 5321, 4.5.3.1.3.
const maxEmail = 254

// localeShape is the part of BCP 47 that mails need: a language, with an optional script and
// region.
var localeShape = regexp.MustCompile(`^[A-Za-z]{2,3}([-_][A-Za-z]{4})?([-_]([A-Za-z]{2}|[0-9]{3}))?$`)

// CheckCustomer checks the fields of a customer, by the rules for the customer of a new plan.
// Errors: *InvalidError.
func CheckCustomer(c billing.Customer) error {
	bad := &billing.InvalidError{}
	checkCustomer(bad, "", Customer{Reference: c.Reference, Email: c.Email, Name: c.Name, Locale: c.Locale, TimeZone: c.TimeZone})
	if c.StripeCustomer != "" && !strings.HasPrefix(c.StripeCustomer, "cus_") {
		bad.Add("stripe_customer", "%q is not the id of a Stripe customer (cus_…)", c.StripeCustomer)
	}
	return bad.OrNil()
}

// checkCustomer checks the fields of a customer; prefix precedes the names of the fields.
func checkCustomer(bad *billing.InvalidError, prefix string, c Customer) {
	checkText(bad, prefix+"reference", c.Reference, true)
	checkText(bad, prefix+"name", c.Name, false)
	checkText(bad, prefix+"stripe_customer", c.StripeCustomer, false)
	if c.Email != "" {
		checkEmail(bad, prefix+"email", c.Email)
	}
	if c.Locale != "" && !localeShape.MatchString(c.Locale) {
		bad.Add(prefix+"locale", "%q is not a locale like en-GB", c.Locale)
	}
	if c.TimeZone != "" {
		if _, err := timezone.Load(c.TimeZone); err != nil {
			bad.Add(prefix+"timezone", "%q is not a time zone like Europe/London", c.TimeZone)
		}
	}
}

// checkEmail refuses addresses that mail can't be sent to. LineProblem comes first, because an
// address that it refuses must not be quoted.
func checkEmail(bad *billing.InvalidError, field, address string) {
	if len(address) > maxEmail {
		bad.Add(field, "is longer than %d bytes", maxEmail)
		return
	}
	if problem := plaintext.LineProblem(address); problem != "" {
		bad.Add(field, "%s", problem)
		return
	}
	if a, err := mail.ParseAddress(address); err != nil || a.Address != address {
		bad.Add(field, "%q is not an e-mail address", address)
	}
}

// checkText refuses text that is missing, too long, or not a single line. U+FFFD stands for bytes
// that were invalid before they arrived.
func checkText(bad *billing.InvalidError, field, s string, required bool) {
	switch {
	case required && strings.TrimSpace(s) == "":
		bad.Add(field, "is missing")
	case len([]rune(s)) > maxText:
		bad.Add(field, "is longer than %d characters", maxText)
	case strings.ContainsRune(s, '\uFFFD'):
		bad.Add(field, "contains U+FFFD, which stands for bytes that are not UTF-8")
	default:
		checkLine(bad, field, s)
	}
}

// checkLine refuses text that is not a single line.
func checkLine(bad *billing.InvalidError, field, s string) {
	if problem := plaintext.LineProblem(s); problem != "" {
		bad.Add(field, "%s", problem)
	}
}
