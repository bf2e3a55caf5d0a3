package billing

import (
	"encoding/json"
	"fmt"
)

// Description returns what the merchant sells with the plan, such as "Oak table"; empty when the
// terms hold no description.
func (p Plan) Description() string {
	var t struct {
		Description string `json:"description"`
	}
	if json.Unmarshal(p.Terms, &t) != nil {
		return "" // unreadable terms hold no description
	}
	return t.Description
}

// Label returns the name of the plan that customers see: its description and reference, or the
// reference alone.
func (p Plan) Label() string { return LabelOf(p.Description(), p.Reference) }

// LabelOf returns the label of a plan: see Plan.Label.
func LabelOf(description, reference string) string {
	if description == "" {
		return reference
	}
	return fmt.Sprintf("%s (%s)", description, reference)
}

// PaymentDescription returns the description of a payment at Stripe, such as "Oak table (2 of 3)".
// of is the number of charges of the plan.
func (p Plan) PaymentDescription(c Charge, of int) string {
	what := p.Description()
	if what == "" {
		what = p.Reference
	}
	switch {
	case p.Kind == KindRecurring:
		return fmt.Sprintf("%s (%d)", what, c.Sequence)
	case of <= 1:
		return what
	}
	return fmt.Sprintf("%s (%d of %d)", what, c.Sequence, of)
}
