package operator

import (
	"context"
	"time"

	"tranche/internal/billing"
	"tranche/internal/terms"
)

// UpdateFromTerms updates a known customer from the terms of a new plan, in the transaction that
// stores the plan, and records the change as ChangeCustomer does. Fields that the terms leave out
// stay as they are. Errors: see ChangeCustomer.
func UpdateFromTerms(ctx context.Context, tx billing.Tx, rules billing.Rules, id billing.CustomerID, t terms.Customer, now time.Time) error {
	_, err := updateCustomer(ctx, tx, rules, id, CustomerChange{
		Email: given(t.Email), Name: given(t.Name), Locale: given(t.Locale), TimeZone: given(t.TimeZone),
	}, now)
	return err
}

// given returns the new value of a field; nil if the terms leave it out.
func given(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}
