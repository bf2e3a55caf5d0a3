package billing

import (
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

// CardStatus is the state of a card.
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
	// StripeCustomer is the Stripe customer (cus_…) that the PaymentMethod is attached to: Stripe
	// requires both together. It is kept per card, because a merchant's own checkout may use
	// several Stripe customers for one person.
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
	// the merchant may charge any other PaymentMethod, so it is never merged with a duplicate, and
	// never detached for being one.
	Own bool
	// Position is the card's place among the customer's cards: 1 is the default card, and the
	// others are its backups in order. 0 means no position: such cards come after the others,
	// oldest first.
	Position int
	// Hold is the reason, in plain words, why a card that Stripe would charge is on hold until the
	// customer or the merchant agrees, such as that the network replaced it with a card of another
	// brand; empty when the card may be charged.
	Hold string
	// RemovedAt is when the card was removed from the customer for good: it is never charged again,
	// even if Stripe would. Zero if it was not removed.
	RemovedAt time.Time
	// DetachAt is when the detaching of a removed card is next requested at Stripe; zero when there
	// is nothing to request.
	DetachAt time.Time

	CreatedAt, UpdatedAt time.Time
}

// Label returns the name of the card in stored texts. It holds the id instead of digits, because
// digits are personal data.
func (c Card) Label() string { return c.Brand + " card " + string(c.ID) }
