package billing

import "time"

// Customer is the merchant's customer, who owes and pays.
type Customer struct {
	ID        CustomerID
	Reference string // the merchant's own name for the customer; unique
	Email     string // where notices go; empty when unknown
	Name      string
	Locale    string // BCP 47, such as en-GB; empty means English
	TimeZone  string // IANA name, such as Europe/London; empty means UTC

	// StripeCustomer is the Stripe customer (cus_…) that takes new cards; empty until the first card is saved,
	// and again after the customer was deleted at Stripe. Not unique: references may share one.
	StripeCustomer string

	CreatedAt, UpdatedAt time.Time
	Version              int64 // raised by the store with each update; an update of an older version is a conflict
}

// CardStatus says whether a card may be charged.
type CardStatus string

const (
	// CardActive may be charged.
	CardActive CardStatus = "active"
	// CardDetached was removed from the customer at Stripe.
	CardDetached CardStatus = "detached"
	// CardRevoked must not be charged again: the issuer or the customer withdrew consent.
	CardRevoked CardStatus = "revoked"
)

// Card is a saved Stripe PaymentMethod of type card. It holds no card number.
type Card struct {
	ID            CardID
	CustomerID    CustomerID
	PaymentMethod string // pm_…; unique
	// StripeCustomer is the Stripe customer (cus_…) the PaymentMethod is attached to: Stripe wants both together.
	// It is kept per card, because a merchant's own checkout may use several Stripe customers for one person.
	StripeCustomer string
	Brand          string // visa, mastercard, …
	Last4          string
	ExpMonth       int
	ExpYear        int
	Fingerprint    string // the same for the same number; may be empty
	Status         CardStatus

	CreatedAt, UpdatedAt time.Time
}
