package billing

import (
	"context"
	"slices"
	"time"

	"tranche/internal/timezone"
)

// Customer is the merchant's customer, who owes and pays.
type Customer struct {
	ID        CustomerID
	Reference string // the merchant's own name for the customer; unique
	Email     string // where notices go; empty when unknown
	Name      string
	Locale    string // BCP 47, such as en-GB; empty means English
	TimeZone  string // IANA name, such as Europe/London; empty means UTC

	// StripeCustomer is the Stripe customer (cus_…) that new cards are attached to; empty until the
	// first card is saved, and again after the customer was deleted at Stripe. Not unique:
	// references may share one.
	StripeCustomer string

	// StripeUpdateAt is when the e-mail address and name are next sent to Stripe; zero when there
	// is nothing to send.
	StripeUpdateAt time.Time

	// ErasedAt is when the customer's personal data was erased on request; zero otherwise.
	ErasedAt time.Time

	CreatedAt, UpdatedAt time.Time
	Version              int64 // incremented by the store with each update; updating an older version is a conflict
}

// LoadLocation returns the time zone with an IANA name; UTC if the name is empty or unknown.
func LoadLocation(name string) *time.Location { return timezone.OrUTC(name) }

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

// StripeCustomerIn returns the Stripe customer (cus_…) that new cards of a customer are attached to
// in an account; empty if there is none yet. In a connected account, it is the Stripe customer of
// the newest card saved there. Errors: ErrUnavailable.
func StripeCustomerIn(ctx context.Context, r Reader, c Customer, account string) (string, error) {
	if account == "" || c.ID == "" {
		return c.StripeCustomerIn(account, nil), nil
	}
	cards, err := r.Cards(ctx, c.ID)
	return c.StripeCustomerIn(account, cards), err
}

// StripeCustomerIn does the same with the customer's cards, oldest first.
func (c Customer) StripeCustomerIn(account string, cards []Card) string {
	if account == "" {
		return c.StripeCustomer
	}
	for _, card := range slices.Backward(cards) { // oldest first
		if card.CustomerID == c.ID && card.Account == account && card.StripeCustomer != "" {
			return card.StripeCustomer
		}
	}
	return ""
}
