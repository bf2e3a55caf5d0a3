package terms

import (
	"encoding/json"
	"fmt"
	"strings"

	"tranche/internal/billing"
)

// ErasePlan returns the plan without the customer's data in its terms and reason, without the
// description, which is the merchant's own text, and without the request for its SetupIntent. c is
// the customer after the erasure.
func ErasePlan(p billing.Plan, c billing.Customer, words []string) (billing.Plan, error) {
	for _, w := range words {
		p.Reason = strings.ReplaceAll(p.Reason, w, billing.ErasedWord)
	}
	p.SetupRequest = billing.SetupRequest{}
	var t Terms
	if err := json.Unmarshal(p.Terms, &t); err != nil {
		return p, fmt.Errorf("read the terms of plan %s: %w", p.ID, err)
	}
	t.Customer, t.Description = Customer{Reference: c.Reference}, ""
	var err error
	p.Terms, err = t.JSON()
	return p, err
}
