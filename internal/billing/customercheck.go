package billing

import (
	"strings"
	"time"

	"tranche/internal/calendar"
)

// Check checks the customer's fields, by the rules for the customer of a new plan. Errors:
// *InvalidError.
func (c Customer) Check() error {
	bad := &InvalidError{}
	checkCustomer(bad, "", CustomerTerms{Reference: c.Reference, Email: c.Email, Name: c.Name, Locale: c.Locale, TimeZone: c.TimeZone})
	if c.StripeCustomer != "" && !strings.HasPrefix(c.StripeCustomer, "cus_") {
		bad.add("stripe_customer", "%q is not the id of a Stripe customer (cus_…)", c.StripeCustomer)
	}
	return bad.orNil()
}

// InZone returns the instant when clocks in to show the local time that clocks in from show at at.
// Seconds are kept.
func InZone(at time.Time, from, to *time.Location) time.Time {
	local := at.In(from)
	whole := calendar.DateOf(at, from).At(calendar.LocalTime{Hour: local.Hour(), Minute: local.Minute()}, to)
	return whole.Add(time.Duration(local.Second())*time.Second + time.Duration(local.Nanosecond()))
}
