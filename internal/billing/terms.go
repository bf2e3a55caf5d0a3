package billing

import (
	"encoding/json"
	"net/mail"
	"regexp"
	"strings"
	"time"

	"tranche/internal/timezone"
)

// Terms are what a merchant says of a plan, in the words of POST /v1/plans. Amounts are minor
// units.
type Terms struct {
	Reference string   `json:"reference"`
	Kind      PlanKind `json:"kind"`
	Currency  Currency `json:"currency"`
	Total     int64    `json:"total,omitempty"` // may be left out when Charges lists every amount

	// Instalments: a count and an interval, or the list.
	Parts       int           `json:"parts,omitempty"`        // how many charges there are in all
	Every       string        `json:"every,omitempty"`        // such as "1 month"
	FirstAmount int64         `json:"first_amount,omitempty"` // of the first charge, where it is not like the others
	Charges     []ChargeTerms `json:"charges,omitempty"`
	Remainder   Remainder     `json:"remainder,omitempty"` // which parts take the cents that do not divide; empty means the first

	// Deposit, then balance.
	Deposit        int64  `json:"deposit,omitempty"`
	DepositPercent string `json:"deposit_percent,omitempty"` // of the total, in place of Deposit, such as "20" or "12.5"
	BalanceDue     string `json:"balance_due,omitempty"`     // see ParseDue

	// Recurring: Amount every Every, Parts times or until a date; neither means until it is canceled.
	Amount int64  `json:"amount,omitempty"`
	Until  string `json:"until,omitempty"` // the last date on which a charge may fall due, before a business day rule moves it
	Trial  string `json:"trial,omitempty"` // such as "14 days", after which Amount falls due; with FirstAmount, that is paid in the checkout

	// Deferred: Total, once.
	Due string `json:"due,omitempty"` // see ParseDue

	// Starts is when the first charge falls due where nothing is paid in the checkout: see
	// ParseDue. The card is then given by a SetupIntent, or named.
	Starts string `json:"starts,omitempty"`
	// ExpiresAfter is how long the customer has for the checkout, such as "2 hours" or "7 days": a plan
	// whose first payment, or card, has not come by then is canceled. Empty leaves it to the setting.
	ExpiresAfter string `json:"expires_after,omitempty"`
	// Card names a card that the customer has already, by our id or Stripe's (pm_…); "default" is
	// their default card. Nothing is paid in the checkout then: what is due at once is charged
	// off-session.
	Card string `json:"card,omitempty"`
	// BusinessDay says what becomes of a date on a weekend or holiday; empty means that it stays.
	BusinessDay BusinessDay `json:"business_day,omitempty"`

	// CatchUp says what becomes of periods that an outage missed; empty means one charge a day.
	CatchUp CatchUp `json:"catch_up,omitempty"`

	// Account is the connected account (acct_…) that the plan belongs to; empty means the
	// platform's own.
	Account string   `json:"account,omitempty"`
	Connect *Connect `json:"connect,omitempty"`

	Policy string `json:"policy,omitempty"` // name of the dunning policy; empty means the default one
	// BackupCardsAllowed says that the customer agreed that another saved card may be charged when
	// the plan's can't be.
	BackupCardsAllowed bool `json:"backup_cards_allowed,omitempty"`

	Description string        `json:"description,omitempty"` // what the plan is for: on the page, in mails and at Stripe
	Customer    CustomerTerms `json:"customer"`

	// Consent is what the customer agreed to in the merchant's checkout. It is evidence, and no
	// part of the terms.
	Consent *ConsentTerms `json:"consent,omitempty"`
}

// ChargeTerms is one charge of an explicit list. The first is paid at once where it has no due
// date.
type ChargeTerms struct {
	Amount int64  `json:"amount"`
	Due    string `json:"due,omitempty"` // a date or an instant: see ParseDue
}

// CustomerTerms is what a merchant says of the customer.
type CustomerTerms struct {
	Reference string `json:"reference"`
	Email     string `json:"email,omitempty"`
	Name      string `json:"name,omitempty"`
	Locale    string `json:"locale,omitempty"`
	TimeZone  string `json:"timezone,omitempty"`
	// StripeCustomer is the customer's id at Stripe (cus_…), where the merchant has one already.
	StripeCustomer string `json:"stripe_customer,omitempty"`
}

const (
	maxParts    = 500  // more than a year of daily parts
	maxRepeats  = 3700 // of a recurring plan whose end is counted: ten years of daily charges
	maxText     = 200  // characters of a reference or name; Stripe takes 500 in metadata
	maxEmail    = 254  // bytes of an address
	maxDueYears = 10
)

// JSON is the canonical form of the terms, with which a repeated request is compared. The consent
// is left out: when it was given is not agreed upon.
func (t Terms) JSON() ([]byte, error) {
	t.Consent = nil
	return json.Marshal(t)
}

// Location is the customer's time zone; UTC where none is given or it is unknown.
func (t Terms) Location() *time.Location { return LoadLocation(t.Customer.TimeZone) }

// LoadLocation finds a time zone by its IANA name; UTC when the name is empty or unknown.
func LoadLocation(name string) *time.Location { return timezone.OrUTC(name) }

// localeShape is the part of BCP 47 that mails need: language, perhaps script and region.
var localeShape = regexp.MustCompile(`^[A-Za-z]{2,3}([-_][A-Za-z]{4})?([-_]([A-Za-z]{2}|[0-9]{3}))?$`)

func (t Terms) checkTexts(bad *InvalidError) {
	checkText(bad, "reference", t.Reference, true)
	checkText(bad, "description", t.Description, false)
	checkText(bad, "card", t.Card, false)
	checkCustomer(bad, "customer.", t.Customer)
}

// checkCustomer checks what is said of a customer; prefix stands before the names of the fields.
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

// checkEmail refuses what mail can't be sent to. LineProblem comes first: an address that it
// refuses is not to be quoted. Source of the bound: RFC 5321, 4.5.3.1.3.
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

// checkText refuses what is missing, too long, or no text of one line. U+FFFD stands for bytes that
// were no text before they came here.
func checkText(bad *InvalidError, field, s string, required bool) {
	switch {
	case required && strings.TrimSpace(s) == "":
		bad.add(field, "is missing")
	case len([]rune(s)) > maxText:
		bad.add(field, "is longer than %d characters", maxText)
	case strings.ContainsRune(s, '\uFFFD'):
		bad.add(field, "holds U+FFFD, which stands for bytes that were not UTF-8")
	default:
		checkLine(bad, field, s)
	}
}

// checkLine refuses what is no text of one line.
func checkLine(bad *InvalidError, field, s string) {
	if problem := LineProblem(s); problem != "" {
		bad.add(field, "%s", problem)
	}
}
