package operator

import (
	"context"
	"time"

	"tranche/internal/billing"
)

// UpdateFromTerms returns how a known customer is changed to what the terms of a new plan say, in
// the transaction that stores the plan. The change keeps to the rules, and is made and recorded as
// UpdateCustomer does. Fields that the terms leave out stay. Errors: those of UpdateCustomer.
func UpdateFromTerms(rules billing.Rules) func(ctx context.Context, tx billing.Tx, id billing.CustomerID, t billing.CustomerTerms, now time.Time) error {
	return func(ctx context.Context, tx billing.Tx, id billing.CustomerID, t billing.CustomerTerms, now time.Time) error {
		_, err := updateCustomer(ctx, tx, rules, id, CustomerChange{
			Email: given(t.Email), Name: given(t.Name), Locale: given(t.Locale), TimeZone: given(t.TimeZone),
		}, now)
		return err
	}
}

// given is a change to a text; nil where there is none.
func given(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}
