package billing

import (
	"strings"
	"time"
)

// Check says whether the customer may be written so: as for a plan that is made. Errors:
// *InvalidError.
func (c Customer) Check() error {
	bad := &InvalidError{}
	checkCustomer(bad, "", CustomerTerms{Reference: c.Reference, Email: c.Email, Name: c.Name, Locale: c.Locale, TimeZone: c.TimeZone})
	if c.StripeCustomer != "" && !strings.HasPrefix(c.StripeCustomer, "cus_") {
		bad.add("stripe_customer", "%q is not the id of a Stripe customer (cus_…)", c.StripeCustomer)
	}
	return bad.orNil()
}

// InZone is the instant at which clocks in to show what those in from show at at. Seconds are kept.
func InZone(at time.Time, from, to *time.Location) time.Time {
	local := at.In(from)
	whole := DateOf(at, from).At(LocalTime{Hour: local.Hour(), Minute: local.Minute()}, to)
	return whole.Add(time.Duration(local.Second())*time.Second + time.Duration(local.Nanosecond()))
}
