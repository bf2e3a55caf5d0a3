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

	// StripeCustomer is the Stripe customer (cus_…) that takes new cards; empty until the first
	// card is saved, and again after the customer was deleted at Stripe. Not unique: references may
	// share one.
	StripeCustomer string

	// StripeUpdateAt is when Stripe is next asked to take over e-mail address and name; zero when
	// there is nothing to ask.
	StripeUpdateAt time.Time

	// ErasedAt is when the customer's personal data was removed on request; zero while they are known.
	ErasedAt time.Time

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
	// StripeCustomer is the Stripe customer (cus_…) the PaymentMethod is attached to: Stripe wants
	// both together. It is kept per card, because a merchant's own checkout may use several Stripe
	// customers for one person.
	StripeCustomer string
	Brand          string // visa, mastercard, …
	Last4          string
	ExpMonth       int
	ExpYear        int
	Fingerprint    string // the same for the same number; may be empty
	Status         CardStatus

	// Account is the connected account (acct_…) that the PaymentMethod was saved in; empty for the
	// platform's own.
	Account string
	// Own reports whether the PaymentMethod was saved for Tranche: Tranche attached it, or the
	// customer entered it in a payment or set-up that carries Tranche's metadata. Other systems of
	// the merchant may charge any other PaymentMethod: it is never merged with a duplicate, and
	// never detached for that.
	Own bool
	// Position is the card's place among the customer's: 1 is the default card, the others are its
	// backups in order. 0 means that no place was given: after those that have one, oldest first.
	Position int
	// Hold says in plain words why a card that Stripe would charge is not charged until somebody
	// agrees, such as that the network replaced it by one of another brand; empty when nothing
	// stands against it.
	Hold string
	// RemovedAt is when the card was taken from the customer for good: it is never charged again,
	// whatever Stripe says of it. Zero while it was not.
	RemovedAt time.Time
	// DetachAt is when Stripe is next asked to detach a card that was removed here; zero when there
	// is nothing to ask.
	DetachAt time.Time

	CreatedAt, UpdatedAt time.Time
}
