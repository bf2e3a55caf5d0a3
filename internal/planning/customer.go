package planning

import (
	"fmt"

	"tranche/internal/billing"
	"tranche/internal/terms"
)

// differences is what is done about terms that differ from the stored data of a known customer.
type differences int

const (
	refuseDifferences differences = iota
	updateStored
	keepStored
)

// completeCustomer returns the customer of the terms, completed with the stored data; stored is
// zero if the customer is new. A known customer's differing values stay, unless they are to be
// updated.
func (p *Planner) completeCustomer(stored billing.Customer, t terms.Customer, d differences) billing.Customer {
	c := stored
	c.Reference = t.Reference
	for _, f := range knownFields(&c, t) {
		if f.given != "" && (d == updateStored || c.ID == "" || f.fills()) {
			*f.stored = f.given
		}
	}
	if c.ID == "" {
		p.Rules.FillIn(&c)
	} else {
		c.NoteContact(stored, p.Now())
	}
	return c
}

// checkDifferences refuses terms that contradict the stored data of a known customer: a new plan
// must not redirect the mails or move the charges of the customer's other plans. Errors:
// *billing.InvalidError.
func checkDifferences(stored billing.Customer, t terms.Customer) error {
	if stored.ID == "" {
		return nil
	}
	var faults []billing.FieldError
	for _, f := range knownFields(&stored, t) {
		if f.given != "" && f.given != *f.stored && !f.fills() {
			faults = append(faults, billing.FieldError{Field: "customer." + f.name, Message: fmt.Sprintf("differs from the stored data of customer %s: "+
				"leave it out, change it with PATCH /v1/customers/{ref} (tranche customer update), or send \"update_customer\": true (--update-customer)", stored.Reference)})
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
func knownFields(c *billing.Customer, t terms.Customer) []knownField {
	return []knownField{
		{"email", &c.Email, t.Email}, {"name", &c.Name, t.Name}, {"locale", &c.Locale, t.Locale}, {"timezone", &c.TimeZone, t.TimeZone},
	}
}

// fills reports whether the given value sets an empty field. An empty time zone means UTC, so a
// time zone always replaces one.
func (f knownField) fills() bool { return *f.stored == "" && f.name != "timezone" }
