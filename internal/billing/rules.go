package billing

import (
	"cmp"
	"time"

	"tranche/internal/calendar"
	"tranche/internal/money"
)

// Rules are the merchant's settings for all plans.
type Rules struct {
	ChargeTime calendar.LocalTime // the customer's local time of day at which charges fall due
	Holidays   calendar.Holidays  // for plans with a business day rule
	Limits     money.Limits       // of amounts; they replace Stripe's
	TimeZone   string             // of new customers without a time zone; empty means UTC
	Locale     string             // of new customers without one; empty means English, or the browser's language
	Confirm    bool               // whether a mail that lists every payment is sent when a plan begins
	// CheckoutDays is the number of days after which a plan expires if its checkout is not
	// completed and its terms set no time; 0 means never.
	CheckoutDays int
}

// FillIn sets a new customer's empty time zone and locale to the defaults.
func (r Rules) FillIn(c *Customer) {
	c.TimeZone, c.Locale = cmp.Or(c.TimeZone, r.TimeZone), cmp.Or(c.Locale, r.Locale)
}

// MaxCharges is the highest number of charges of a plan, including charges that were added later.
const MaxCharges = 500 // more than a year of daily charges

// MaxDueYears is how many years from now a charge may fall due at the latest.
const MaxDueYears = 10

// LatestDue returns the latest time at which a charge may fall due.
func LatestDue(now time.Time) time.Time { return now.AddDate(MaxDueYears, 0, 0) }
