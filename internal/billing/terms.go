package billing

import (
	"encoding/json"
	"fmt"
	"net/mail"
	"regexp"
	"strings"
	"time"
)

// Terms are what a merchant says of a plan, in the words of POST /v1/plans. Amounts are minor units.
type Terms struct {
	Reference string   `json:"reference"`
	Kind      PlanKind `json:"kind"`
	Currency  Currency `json:"currency"`
	Total     int64    `json:"total,omitempty"` // may be left out when Charges lists every amount

	// Instalments: a count and an interval, or the list.
	Parts       int           `json:"parts,omitempty"`
	Every       string        `json:"every,omitempty"`        // such as "1 month"
	FirstAmount int64         `json:"first_amount,omitempty"` // of the first part, where it is not an equal one
	Charges     []ChargeTerms `json:"charges,omitempty"`
	Remainder   Remainder     `json:"remainder,omitempty"` // which parts take the cents that do not divide; empty means the first

	// Deposit, then balance.
	Deposit        int64  `json:"deposit,omitempty"`
	DepositPercent string `json:"deposit_percent,omitempty"` // of the total, in place of Deposit, such as "20" or "12.5"
	BalanceDue     string `json:"balance_due,omitempty"`     // see Due

	// Recurring: Amount every Every, Parts times or until a date; neither means until it is canceled.
	Amount int64  `json:"amount,omitempty"`
	Until  string `json:"until,omitempty"` // the last date on which a charge may fall due
	Trial  string `json:"trial,omitempty"` // such as "14 days", after which the first charge falls due

	// Deferred: Total, once.
	Due string `json:"due,omitempty"` // a date, an instant, "30 days before 2026-12-20", "14 days after …", or "on request"

	// Starts is when the first charge falls due where nothing is paid in the checkout: see Due. The card is then given by a
	// SetupIntent, or named.
	Starts string `json:"starts,omitempty"`
	// Card names a card that the customer has already, by our id or Stripe's (pm_…); "default" is their default card. Nothing
	// is paid in the checkout then: what is due at once is charged off-session.
	Card string `json:"card,omitempty"`
	// BusinessDay says what becomes of a date on a weekend or holiday; empty means that it stays.
	BusinessDay BusinessDay `json:"business_day,omitempty"`

	// Account is the connected account (acct_…) that the plan belongs to; empty means the platform's own.
	Account string   `json:"account,omitempty"`
	Connect *Connect `json:"connect,omitempty"`

	Policy string `json:"policy,omitempty"` // name of the dunning policy; empty means the default one
	// BackupCardsAllowed says that the customer agreed that another saved card may be charged when the plan's can't be.
	BackupCardsAllowed bool `json:"backup_cards_allowed,omitempty"`

	Description string        `json:"description,omitempty"` // shown at Stripe
	Customer    CustomerTerms `json:"customer"`

	// Consent is what the customer agreed to in the merchant's checkout. It is evidence, and no part of the terms.
	Consent *ConsentTerms `json:"consent,omitempty"`
}

// ChargeTerms is one charge of an explicit list. The first is paid at once and needs no due date.
type ChargeTerms struct {
	Amount int64  `json:"amount"`
	Due    string `json:"due,omitempty"` // see Terms.Due
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

// Remainder says which parts take the smallest units that do not divide.
type Remainder string

const (
	// RemainderFirst gives all of them to the first part: the customer sees the odd cent in the checkout.
	RemainderFirst Remainder = "first"
	// RemainderLast gives all of them to the last part.
	RemainderLast Remainder = "last"
	// RemainderSpread gives one to each of the first parts, so that no two parts differ by more than one unit.
	RemainderSpread Remainder = "spread"
)

// BusinessDay is a rule for dates on which banks are closed, in the terms of ISDA's day conventions.
type BusinessDay string

const (
	// BusinessDayFollowing moves such a date to the next business day.
	BusinessDayFollowing BusinessDay = "following"
	// BusinessDayPreceding moves it to the business day before.
	BusinessDayPreceding BusinessDay = "preceding"
	// BusinessDayModifiedFollowing moves it to the next one, but to the one before where that is in another month.
	BusinessDayModifiedFollowing BusinessDay = "modified_following"
)

const (
	maxParts    = 500 // more than a year of daily parts
	maxText     = 200 // characters of a reference or name; Stripe takes 500 in metadata
	maxDueYears = 10
)

// JSON is the canonical form of the terms, with which a repeated request is compared. The consent is left out: when it was
// given is not agreed upon.
func (t Terms) JSON() ([]byte, error) {
	t.Consent = nil
	return json.Marshal(t)
}

// Location is the customer's time zone; UTC where none is given or it is unknown.
func (t Terms) Location() *time.Location { return LoadLocation(t.Customer.TimeZone) }

// LoadLocation finds a time zone by its IANA name; UTC when the name is empty or unknown.
func LoadLocation(name string) *time.Location {
	loc, err := time.LoadLocation(name)
	if err != nil || name == "Local" {
		return time.UTC
	}
	return loc
}

// Draft works out the charges: amounts that add up to the total and the instants they fall due. Dates count from
// now, in the customer's time zone. Nothing is stored. Errors: *InvalidError naming every field at fault.
func (t Terms) Draft(now time.Time, rules Rules) (Draft, error) {
	chargeTime := rules.ChargeTime
	bad := &InvalidError{}
	t.checkTexts(bad)
	t.Consent.check(bad, now)
	if !t.Currency.Known() {
		bad.add("currency", "%q is not a currency Stripe can charge; use a code like usd or eur", t.Currency)
		return Draft{}, bad
	}
	var drafts []ChargeDraft
	switch t.Kind {
	case KindInstallments:
		drafts = t.draftInstallments(bad, now, chargeTime)
	case KindDeposit:
		drafts = t.draftDeposit(bad, now, chargeTime)
	default:
		bad.add("kind", "is %q; use %q or %q", t.Kind, KindInstallments, KindDeposit)
	}
	t.checkDrafts(bad, drafts, now)
	if len(bad.Fields) > 0 {
		return Draft{}, bad
	}
	drafts[0].Checkout = true
	return Draft{Charges: drafts}, nil
}

// Rules are what the merchant has settled for all plans.
type Rules struct {
	ChargeTime LocalTime // the customer's local time of day at which charges fall due
}

// Draft is what terms come to.
type Draft struct {
	Charges    []ChargeDraft // by sequence, never empty
	Recurrence Recurrence    // how they go on; zero when these are all
}

// ChargeDraft is an amount and when it falls due, and the field of the terms it comes from.
type ChargeDraft struct {
	Amount   int64
	DueAt    time.Time // zero: on the merchant's word
	Checkout bool      // paid by the customer in the merchant's checkout
	field    string
}

func (t Terms) draftInstallments(bad *InvalidError, now time.Time, at LocalTime) []ChargeDraft {
	t.refuse(bad, map[string]bool{"deposit": t.Deposit != 0, "balance_due": t.BalanceDue != ""})
	if len(t.Charges) > 0 {
		t.refuse(bad, map[string]bool{"parts": t.Parts != 0, "every": t.Every != "", "first_amount": t.FirstAmount != 0})
		return t.draftList(bad, now, at)
	}
	if t.Parts < 2 || t.Parts > maxParts {
		bad.add("parts", "is %d; use 2 to %d, or list the charges", t.Parts, maxParts)
	}
	every, err := ParseInterval(t.Every)
	if err != nil {
		bad.add("every", "%s", err)
	}
	if t.Total <= 0 {
		bad.add("total", "must be more than 0, in minor units (cents)")
	}
	if len(bad.Fields) > 0 {
		return nil
	}
	loc := t.Location()
	anchor := DateOf(now, loc)
	drafts := []ChargeDraft{{DueAt: now, field: "total"}}
	for n := 1; n < t.Parts; n++ {
		drafts = append(drafts, ChargeDraft{DueAt: every.Date(anchor, n).At(at, loc), field: "total"})
	}
	for i, amount := range t.amounts() {
		drafts[i].Amount = amount
	}
	return drafts
}

// amounts splits the total; with a first amount of its own, the rest is split among the others.
func (t Terms) amounts() []int64 {
	if t.FirstAmount == 0 {
		return Split(t.Total, t.Parts, t.Currency)
	}
	return append([]int64{t.FirstAmount}, Split(t.Total-t.FirstAmount, t.Parts-1, t.Currency)...)
}

func (t Terms) draftList(bad *InvalidError, now time.Time, at LocalTime) []ChargeDraft {
	var sum int64
	drafts := make([]ChargeDraft, len(t.Charges))
	for i, c := range t.Charges {
		field := fmt.Sprintf("charges[%d]", i)
		due := now
		if i > 0 || c.Due != "" {
			due = t.parseDue(bad, field+".due", c.Due, at)
		}
		if i == 0 && c.Due != "" && due.After(now) {
			bad.add(field+".due", "the first charge is paid at once; leave it out")
		}
		drafts[i] = ChargeDraft{Amount: c.Amount, DueAt: due, field: field}
		if i == 0 {
			drafts[i].DueAt = now
		}
		sum += c.Amount
	}
	if len(drafts) < 2 || len(drafts) > maxParts {
		bad.add("charges", "has %d entries; use 2 to %d", len(drafts), maxParts)
	}
	if t.Total != 0 && t.Total != sum {
		bad.add("total", "is %d but the charges add up to %d", t.Total, sum)
	}
	return drafts
}

func (t Terms) draftDeposit(bad *InvalidError, now time.Time, at LocalTime) []ChargeDraft {
	t.refuse(bad, map[string]bool{
		"parts": t.Parts != 0, "every": t.Every != "", "charges": len(t.Charges) > 0, "first_amount": t.FirstAmount != 0,
	})
	if t.Deposit <= 0 || t.Deposit >= t.Total {
		bad.add("deposit", "is %d; use more than 0 and less than the total", t.Deposit)
		return nil
	}
	due := t.parseDue(bad, "balance_due", t.BalanceDue, at)
	return []ChargeDraft{
		{Amount: t.Deposit, DueAt: now, field: "deposit"},
		{Amount: t.Total - t.Deposit, DueAt: due, field: "balance_due"},
	}
}

// parseDue reads a date (at the local time of day of charges) or an instant.
func (t Terms) parseDue(bad *InvalidError, field, s string, at LocalTime) time.Time {
	if instant, err := time.Parse(time.RFC3339, s); err == nil {
		return instant.UTC().Truncate(time.Millisecond)
	}
	d, err := ParseDate(s)
	if err != nil {
		bad.add(field, "%q is neither a date like 2026-12-20 nor an instant like 2026-12-20T09:00:00Z", s)
		return time.Time{}
	}
	return d.At(at, t.Location())
}

// refuse names fields that were given though they do not belong to this kind of plan.
func (t Terms) refuse(bad *InvalidError, given map[string]bool) {
	for _, field := range []string{"parts", "every", "first_amount", "charges", "deposit", "balance_due"} {
		if given[field] {
			bad.add(field, "does not go with the other fields of this plan; leave it out")
		}
	}
}

func (t Terms) checkDrafts(bad *InvalidError, drafts []ChargeDraft, now time.Time) {
	if len(bad.Fields) > 0 {
		return // amounts and dates of faulty terms would only add noise
	}
	for i, d := range drafts {
		if problem := t.Currency.checkAmount(d.Amount); problem != "" {
			bad.add(d.field, "charge %d of %d %s", i+1, len(drafts), problem)
		}
		if i == 0 {
			continue
		}
		switch {
		case !d.DueAt.After(drafts[i-1].DueAt):
			bad.add(d.field, "charge %d of %d falls due at %s, not after the one before it", i+1, len(drafts), d.DueAt.Format(time.RFC3339))
		case d.DueAt.After(now.AddDate(maxDueYears, 0, 0)):
			bad.add(d.field, "charge %d of %d falls due more than %d years from now", i+1, len(drafts), maxDueYears)
		}
	}
}

// localeShape is the part of BCP 47 that mails need: language, perhaps script and region.
var localeShape = regexp.MustCompile(`^[A-Za-z]{2,3}([-_][A-Za-z]{4})?([-_]([A-Za-z]{2}|[0-9]{3}))?$`)

func (t Terms) checkTexts(bad *InvalidError) {
	checkText(bad, "reference", t.Reference, true)
	checkText(bad, "description", t.Description, false)
	c := t.Customer
	checkText(bad, "customer.reference", c.Reference, true)
	checkText(bad, "customer.name", c.Name, false)
	if c.Email != "" {
		if a, err := mail.ParseAddress(c.Email); err != nil || a.Address != c.Email {
			bad.add("customer.email", "%q is not an e-mail address", c.Email)
		}
	}
	if c.Locale != "" && !localeShape.MatchString(c.Locale) {
		bad.add("customer.locale", "%q is not a locale like en-GB", c.Locale)
	}
	if c.TimeZone != "" {
		if _, err := time.LoadLocation(c.TimeZone); err != nil || c.TimeZone == "Local" {
			bad.add("customer.timezone", "%q is not a time zone like Europe/London", c.TimeZone)
		}
	}
}

// checkText refuses what is missing, too long, or holds control characters (which would end up in mail headers).
func checkText(bad *InvalidError, field, s string, required bool) {
	switch {
	case required && strings.TrimSpace(s) == "":
		bad.add(field, "is missing")
	case len([]rune(s)) > maxText:
		bad.add(field, "is longer than %d characters", maxText)
	case strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\uFFFD' }):
		bad.add(field, "holds control characters")
	}
}
