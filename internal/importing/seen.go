package importing

import (
	"tranche/internal/billing"
)

// seen holds the data of earlier lines that later lines must not contradict.
type seen struct {
	plans     map[string]int       // line, by reference
	customers map[[2]string]string // Stripe customer, by account and reference
	cards     map[string]string    // customer's reference, by PaymentMethod
}

func newSeen() *seen {
	return &seen{plans: map[string]int{}, customers: map[[2]string]string{}, cards: map[string]string{}}
}

// faults returns how a line contradicts earlier lines, and adds the line to seen.
func (s *seen) faults(l Line, number int) []billing.FieldError {
	var bad []billing.FieldError
	if first, ok := s.plans[l.Reference]; ok && l.Reference != "" {
		bad = append(bad, fault("reference", "is also used in line %d", first))
	}
	who := [2]string{l.Account, l.Customer.Reference}
	if other, ok := s.customers[who]; ok && other != l.Customer.StripeCustomer {
		bad = append(bad, fault("customer.stripe_customer", "differs from an earlier line (%s)", other))
	}
	if other, ok := s.cards[l.Card]; ok && other != l.Customer.Reference {
		bad = append(bad, fault("card", "belongs to another customer (%s) in an earlier line", other))
	}
	if len(bad) == 0 {
		s.plans[l.Reference], s.customers[who], s.cards[l.Card] = number, l.Customer.StripeCustomer, l.Customer.Reference
	}
	return bad
}
