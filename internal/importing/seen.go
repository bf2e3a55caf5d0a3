package importing

import (
	"tranche/internal/billing"
)

// seen is what the lines so far said, where they must not contradict one another.
type seen struct {
	plans     map[string]int       // line, by reference
	customers map[[2]string]string // Stripe customer, by account and reference
	cards     map[string]string    // customer's reference, by PaymentMethod
}

func newSeen() *seen {
	return &seen{plans: map[string]int{}, customers: map[[2]string]string{}, cards: map[string]string{}}
}

// faults says in what a line contradicts those before it, and remembers it.
func (s *seen) faults(l Line, number int) []billing.FieldError {
	var bad []billing.FieldError
	if first, ok := s.plans[l.Reference]; ok && l.Reference != "" {
		bad = append(bad, fault("reference", "is that of line %d too", first))
	}
	who := [2]string{l.Account, l.Customer.Reference}
	if other, ok := s.customers[who]; ok && other != l.Customer.StripeCustomer {
		bad = append(bad, fault("customer.stripe_customer", "is another than in a line before (%s)", other))
	}
	if other, ok := s.cards[l.Card]; ok && other != l.Customer.Reference {
		bad = append(bad, fault("card", "is that of another customer (%s) in a line before", other))
	}
	if len(bad) == 0 {
		s.plans[l.Reference], s.customers[who], s.cards[l.Card] = number, l.Customer.StripeCustomer, l.Customer.Reference
	}
	return bad
}
