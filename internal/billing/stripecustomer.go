package billing

import (
	"slices"
	"time"
)

// StripeCustomer is a customer object at Stripe, in its account.
type StripeCustomer struct {
	ID      string // cus_…
	Account string // acct_…; empty for the platform's own
}

// AtStripe lists the Stripe customers of a customer: the platform's own, and the ones that the
// customer's cards are attached to.
func (c Customer) AtStripe(cards []Card) []StripeCustomer {
	var all []StripeCustomer
	add := func(one StripeCustomer) {
		if one.ID != "" && !slices.Contains(all, one) {
			all = append(all, one)
		}
	}
	add(StripeCustomer{ID: c.StripeCustomer})
	for _, card := range cards {
		add(StripeCustomer{ID: card.StripeCustomer, Account: card.Account})
	}
	return all
}

// NoteContact schedules an update of the e-mail address and name at Stripe, if they changed.
func (c *Customer) NoteContact(before Customer, now time.Time) {
	if c.Email != before.Email || c.Name != before.Name {
		c.StripeUpdateAt = now
	}
}
