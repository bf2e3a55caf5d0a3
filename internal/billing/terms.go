package billing

import (
	"encoding/json"
	"net/mail"
	"regexp"
	"strings"
	"time"

	"tranche/internal/calendar"
	"tranche/internal/money"
	"tranche/internal/timezone"
)

// Terms describe a plan as the merchant requests it, in the format of POST /v1/plans. Amounts are
// minor units.
type Terms struct {
	Reference string         `json:"reference"`
	Kind      PlanKind       `json:"kind"`
	Currency  money.Currency `json:"currency"`
	Total     int64          `json:"total,omitempty"` // optional when Charges lists every amount

	// Installments: a count and an interval, or a list.
	Parts       int             `json:"parts,omitempty"`        // total number of charges
	Every       string          `json:"every,omitempty"`        // such as "1 month"
	FirstAmount int64           `json:"first_amount,omitempty"` // of the first charge, if it differs
	Charges     []ChargeTerms   `json:"charges,omitempty"`
	Remainder   money.Remainder `json:"remainder,omitempty"` // which parts take the odd cents; empty means the first

	// Deposit, then balance.
	Deposit        int64  `json:"deposit,omitempty"`
	DepositPercent string `json:"deposit_percent,omitempty"` // of the total, instead of Deposit, such as "20" or "12.5"
	BalanceDue     string `json:"balance_due,omitempty"`     // see ParseDue

	// Recurring: Amount at every interval Every, Parts times or until a date; neither means until
	// canceled.
	Amount int64  `json:"amount,omitempty"`
	Until  string `json:"until,omitempty"` // the last possible due date, before a business day rule moves it
	Trial  string `json:"trial,omitempty"` // such as "14 days", after which Amount falls due; with FirstAmount, that is paid in the checkout

	// Deferred: Total, once.
	Due string `json:"due,omitempty"` // see ParseDue

	// Starts is when the first charge falls due if nothing is paid in the checkout: see ParseDue.
	// The card is then saved by a SetupIntent, or named.
	Starts string `json:"starts,omitempty"`
	// ExpiresAfter is how long the customer has for the checkout, such as "2 hours" or "7 days". A
	// plan without its first payment or card by then is canceled. Empty means the default in the
	// settings.
	ExpiresAfter string `json:"expires_after,omitempty"`
	// Card is a saved card of the customer, by Tranche's id or Stripe's (pm_…); "default" means
	// their default card. Nothing is paid in the checkout then: a charge due at once is made
	// off-session.
	Card string `json:"card,omitempty"`
	// BusinessDay is the rule for dates on a weekend or holiday; empty means that such dates are
	// kept.
	BusinessDay calendar.BusinessDay `json:"business_day,omitempty"`

	// CatchUp is the rule for periods that an outage missed; empty means one charge a day.
	CatchUp CatchUp `json:"catch_up,omitempty"`

	// Account is the connected account (acct_…) that the plan belongs to; empty means the
	// platform's own.
	Account string   `json:"account,omitempty"`
	Connect *Connect `json:"connect,omitempty"`

	Policy string `json:"policy,omitempty"` // name of the dunning policy; empty means the default one
	// BackupCardsAllowed means that the customer agreed to charges on another saved card when the
	// plan's card can't be charged.
	BackupCardsAllowed bool `json:"backup_cards_allowed,omitempty"`

	Description string        `json:"description,omitempty"` // shown on the page, in mails and at Stripe
	Customer    CustomerTerms `json:"customer"`

	// Consent is the consent that the customer gave in the merchant's checkout. It is evidence, and
	// not part of the terms.
	Consent *ConsentTerms `json:"consent,omitempty"`
}

// ChargeTerms is one charge of an explicit list. The first charge is paid at once if it has no due
// date.
type ChargeTerms struct {
	Amount int64  `json:"amount"`
	Due    string `json:"due,omitempty"` // a date or an instant: see ParseDue
}

// CustomerTerms describes the customer in a request.
type CustomerTerms struct {
	Reference string `json:"reference"`
	Email     string `json:"email,omitempty"`
	Name      string `json:"name,omitempty"`
	Locale    string `json:"locale,omitempty"`
	TimeZone  string `json:"timezone,omitempty"`
	// StripeCustomer is the customer's id at Stripe (cus_…), if the merchant has one.
	StripeCustomer string `json:"stripe_customer,omitempty"`
}

const (
	maxParts    = 500  // more than a year of daily parts
	maxRepeats  = 3700 // charges of a recurring plan with a fixed number: ten years of daily charges
	maxText     = 200  // characters of a reference or name; Stripe takes 500 in metadata
	maxEmail    = 254  // bytes of an address
	maxDueYears = 10
)

// JSON returns the canonical form of the terms, which repeated requests are compared by. The
// consent is left out, because it is not part of the agreement.
func (t Terms) JSON() ([]byte, error) {
	t.Consent = nil
	return json.Marshal(t)
}

// Location returns the customer's time zone; UTC if it is not set or unknown.
func (t Terms) Location() *time.Location { return LoadLocation(t.Customer.TimeZone) }

// LoadLocation returns the time zone with an IANA name; UTC if the name is empty or unknown.
func LoadLocation(name string) *time.Location { return timezone.OrUTC(name) }

// localeShape is the part of BCP 47 that mails need: a language, with an optional script and
// region.
var localeShape = regexp.MustCompile(`^[A-Za-z]{2,3}([-_][A-Za-z]{4})?([-_]([A-Za-z]{2}|[0-9]{3}))?$`)

func (t Terms) checkTexts(bad *InvalidError) {
	checkText(bad, "reference", t.Reference, true)
	checkText(bad, "description", t.Description, false)
	checkText(bad, "card", t.Card, false)
	checkCustomer(bad, "customer.", t.Customer)
}

// checkCustomer checks the fields of a customer; prefix precedes the names of the fields.
func checkCustomer(bad *InvalidError, prefix string, c CustomerTerms) {
	checkText(bad, prefix+"reference", c.Reference, true)
	checkText(bad, prefix+"name", c.Name, false)
	checkText(bad, prefix+"stripe_customer", c.StripeCustomer, false)
	if c.Email != "" {
		checkEmail(bad, prefix+"email", c.Email)
	}
	if c.Locale != "" && !localeShape.MatchString(c.Locale) {
		bad.add(prefix+"locale", "%q is not a locale like en-GB", c.Locale)
	}
	if c.TimeZone != "" {
		if _, err := timezone.Load(c.TimeZone); err != nil {
			bad.add(prefix+"timezone", "%q is not a time zone like Europe/London", c.TimeZone)
		}
	}
}

// checkEmail refuses addresses that mail can't be sent to. LineProblem comes first, because an
// address that it refuses must not be quoted. Source of the bound: RFC 5321, 4.5.3.1.3.
func checkEmail(bad *InvalidError, field, address string) {
	if len(address) > maxEmail {
		bad.add(field, "is longer than %d bytes", maxEmail)
		return
	}
	if problem := LineProblem(address); problem != "" {
		bad.add(field, "%s", problem)
		return
	}
	if a, err := mail.ParseAddress(address); err != nil || a.Address != address {
		bad.add(field, "%q is not an e-mail address", address)
	}
}

// checkText refuses text that is missing, too long, or not a single line. U+FFFD stands for bytes
// that were invalid before they arrived.
func checkText(bad *InvalidError, field, s string, required bool) {
	switch {
	case required && strings.TrimSpace(s) == "":
		bad.add(field, "is missing")
	case len([]rune(s)) > maxText:
		bad.add(field, "is longer than %d characters", maxText)
	case strings.ContainsRune(s, '\uFFFD'):
		bad.add(field, "contains U+FFFD, which stands for bytes that are not UTF-8")
	default:
		checkLine(bad, field, s)
	}
}

// checkLine refuses text that is not a single line.
func checkLine(bad *InvalidError, field, s string) {
	if problem := LineProblem(s); problem != "" {
		bad.add(field, "%s", problem)
	}
}
