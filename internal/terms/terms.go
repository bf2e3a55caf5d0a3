package terms

import (
	"encoding/json"
	"time"

	"tranche/internal/billing"
	"tranche/internal/calendar"
	"tranche/internal/money"
)

// Terms describe a plan as the merchant requests it, in the format of POST /v1/plans. Amounts are
// minor units.
type Terms struct {
	Reference string           `json:"reference"`
	Kind      billing.PlanKind `json:"kind"`
	Currency  money.Currency   `json:"currency"`
	Total     int64            `json:"total,omitempty"` // optional when Charges lists every amount

	// Installments: a count and an interval, or a list.
	Parts       int             `json:"parts,omitempty"`        // total number of charges
	Every       string          `json:"every,omitempty"`        // such as "1 month"
	FirstAmount int64           `json:"first_amount,omitempty"` // of the first charge, if it differs
	Charges     []Charge        `json:"charges,omitempty"`
	Remainder   money.Remainder `json:"remainder,omitempty"` // which parts take the odd cents; empty means the first

	// Deposit, then balance.
	Deposit        int64  `json:"deposit,omitempty"`
	DepositPercent string `json:"deposit_percent,omitempty"` // of the total, instead of Deposit, such as "20" or "12.5"
	BalanceDue     string `json:"balance_due,omitempty"`     // see schedule.ParseDue

	// Recurring: Amount at every interval Every, Parts times or until a date; neither means until
	// canceled.
	Amount int64  `json:"amount,omitempty"`
	Until  string `json:"until,omitempty"` // the last possible due date, before a business day rule moves it
	Trial  string `json:"trial,omitempty"` // such as "14 days", after which Amount falls due; with FirstAmount, that is paid in the checkout

	// Deferred: Total, once.
	Due string `json:"due,omitempty"` // see schedule.ParseDue

	// Starts is when the first charge falls due if nothing is paid in the checkout: see
	// schedule.ParseDue. The card is then saved by a SetupIntent, or named.
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
	CatchUp billing.CatchUp `json:"catch_up,omitempty"`

	// Account is the connected account (acct_…) that the plan belongs to; empty means the
	// platform's own.
	Account string           `json:"account,omitempty"`
	Connect *billing.Connect `json:"connect,omitempty"`

	Policy string `json:"policy,omitempty"` // name of the dunning policy; empty means the default one
	// BackupCardsAllowed means that the customer agreed to charges on another saved card when the
	// plan's card can't be charged.
	BackupCardsAllowed bool `json:"backup_cards_allowed,omitempty"`

	Description string   `json:"description,omitempty"` // shown on the page, in mails and at Stripe
	Customer    Customer `json:"customer"`

	// Consent is the consent that the customer gave in the merchant's checkout. It is evidence, and
	// not part of the terms.
	Consent *Consent `json:"consent,omitempty"`
}

// Charge is one charge of an explicit list. The first charge is paid at once if it has no due
// date.
type Charge struct {
	Amount int64  `json:"amount"`
	Due    string `json:"due,omitempty"` // a date or an instant: see schedule.ParseDue
}

const (
	maxRepeats = 3700 // charges of a recurring plan with a fixed number: ten years of daily charges
	maxText    = 200  // characters of a reference or name; Stripe takes 500 in metadata
)

// JSON returns the canonical form of the terms, which repeated requests are compared by. The
// consent is left out, because it is not part of the agreement.
func (t Terms) JSON() ([]byte, error) {
	t.Consent = nil
	return json.Marshal(t)
}

// Location returns the customer's time zone; UTC if it is not set or unknown.
func (t Terms) Location() *time.Location { return billing.LoadLocation(t.Customer.TimeZone) }

func (t Terms) checkTexts(bad *billing.InvalidError) {
	checkText(bad, "reference", t.Reference, true)
	checkText(bad, "description", t.Description, false)
	checkText(bad, "card", t.Card, false)
	checkCustomer(bad, "customer.", t.Customer)
}
