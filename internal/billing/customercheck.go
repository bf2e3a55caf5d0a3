package billing

import "strings"

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
