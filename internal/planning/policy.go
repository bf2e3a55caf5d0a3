package planning

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"tranche/internal/billing"
	"tranche/internal/terms"
)

// defaultPolicy is the name of the policy that always exists.
const defaultPolicy = "default"

// checkPolicy adds a fault to the faults of terms if they name an unknown dunning policy. Errors:
// faults, or *billing.InvalidError.
func (p *Planner) checkPolicy(t terms.Terms, faults error) error {
	if t.Policy == "" || t.Policy == defaultPolicy || slices.Contains(p.Policies, t.Policy) {
		return faults
	}
	names := p.Policies
	if len(names) == 0 {
		names = []string{defaultPolicy}
	}
	unknown := billing.FieldError{Field: "policy", Message: fmt.Sprintf("%q is not a dunning policy; use one of: %s", t.Policy, strings.Join(names, ", "))}
	var invalid *billing.InvalidError
	switch {
	case faults == nil:
		return &billing.InvalidError{Fields: []billing.FieldError{unknown}}
	case errors.As(faults, &invalid):
		return &billing.InvalidError{Fields: append(slices.Clone(invalid.Fields), unknown)}
	}
	return faults
}
