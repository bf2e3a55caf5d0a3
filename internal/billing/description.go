package billing

import (
	"encoding/json"
	"fmt"
)

// Description is what the merchant says that the plan is for, such as "Oak table"; empty where the
// terms have none.
func (p Plan) Description() string {
	var t struct {
		Description string `json:"description"`
	}
	if json.Unmarshal(p.Terms, &t) != nil {
		return "" // terms that can't be read say nothing
	}
	return t.Description
}

// Label is what customers read of a plan: its description and reference, or the reference alone.
func (p Plan) Label() string { return LabelOf(p.Description(), p.Reference) }

// LabelOf returns the label of a plan: see Plan.Label.
func LabelOf(description, reference string) string {
	if description == "" {
		return reference
	}
	return fmt.Sprintf("%s (%s)", description, reference)
}

// PaymentDescription is what Stripe shows of a payment, such as "Oak table (2 of 3)". of is the
// number of charges of the plan.
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
