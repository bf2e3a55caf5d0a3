package planning

import (
	"context"
	"errors"
	"fmt"

	"tranche/internal/billing"
)

// checkCustomer refuses terms that contradict the stored data of a known customer: a new plan must
// not redirect the mails or move the charges of the customer's other plans. Errors:
// *billing.InvalidError, billing.ErrUnavailable.
func (p *Planner) checkCustomer(ctx context.Context, t billing.Terms) error {
	c, err := p.store.CustomerByReference(ctx, t.Customer.Reference)
	if errors.Is(err, billing.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	var faults []billing.FieldError
	for _, f := range knownFields(&c, t.Customer) {
		if f.given != "" && f.given != *f.stored && !f.fills() {
			faults = append(faults, billing.FieldError{Field: "customer." + f.name, Message: fmt.Sprintf("differs from the stored data of customer %s: "+
				"leave it out, change it with PATCH /v1/customers/{ref} (tranche customer update), or send \"update_customer\": true (--update-customer)", c.Reference)})
		}
	}
	if len(faults) > 0 {
		return &billing.InvalidError{Fields: faults}
	}
	return nil
}

// knownField is one field of a customer, with the stored value and the value in the terms.
type knownField struct {
	name   string
	stored *string
	given  string
}

// knownFields pairs the stored values of a customer with the values in the terms.
func knownFields(c *billing.Customer, t billing.CustomerTerms) []knownField {
	return []knownField{
		{"email", &c.Email, t.Email}, {"name", &c.Name, t.Name}, {"locale", &c.Locale, t.Locale}, {"timezone", &c.TimeZone, t.TimeZone},
	}
}

// fills reports whether the given value sets an empty field. An empty time zone means UTC, so a
// time zone always replaces one.
func (f knownField) fills() bool { return *f.stored == "" && f.name != "timezone" }

// complete returns the customer with the values from the terms. A known customer keeps its stored
// values, unless replace is set.
func complete(c billing.Customer, t billing.CustomerTerms, replace bool) billing.Customer {
	c.Reference = t.Reference
	for _, f := range knownFields(&c, t) {
		if f.given != "" && (replace || c.ID == "" || f.fills()) {
			*f.stored = f.given
		}
	}
	return c
}
