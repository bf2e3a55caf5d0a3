package billing

import "context"

// CustomerFilter selects customers. Zero fields select all.
type CustomerFilter struct {
	Before CustomerID // older than this one: the cursor
	Limit  int
}

// CustomerReader lists customers, and cards that are to be detached.
type CustomerReader interface {
	// ListCustomers lists customers, newest first.
	ListCustomers(ctx context.Context, f CustomerFilter) ([]Customer, error)
}

// CustomerChange is what a merchant says anew of a customer. Nil leaves a field as it is.
type CustomerChange struct {
	Email    *string `json:"email"`
	Name     *string `json:"name"`
	Locale   *string `json:"locale"`
	TimeZone *string `json:"timezone"`
}

// Apply is the customer after the change. Errors: *InvalidError naming every field at fault, or that none was given.
func (ch CustomerChange) Apply(c Customer) (Customer, error) {
	given := false
	for _, f := range []struct {
		to   *string
		from *string
	}{{&c.Email, ch.Email}, {&c.Name, ch.Name}, {&c.Locale, ch.Locale}, {&c.TimeZone, ch.TimeZone}} {
		if f.from != nil {
			*f.to, given = *f.from, true
		}
	}
	bad := &InvalidError{}
	if !given {
		bad.add("customer", "nothing to change was given: email, name, locale or timezone")
	}
	checkCustomer(bad, "", CustomerTerms{Reference: c.Reference, Email: c.Email, Name: c.Name, Locale: c.Locale, TimeZone: c.TimeZone})
	return c, bad.orNil()
}
