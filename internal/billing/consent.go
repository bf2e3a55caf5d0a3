package billing

import (
	"context"
	"time"
)

// ConsentID names the record of a consent: cons_…
type ConsentID string

// NewConsentID makes a consent id at the given time.
func NewConsentID(now time.Time) ConsentID { return ConsentID("cons_" + newID(now)) }

// ConsentSource says who took the consent down.
type ConsentSource string

const (
	// ConsentPage was given on the recovery page: the text is the one that was shown.
	ConsentPage ConsentSource = "page"
	// ConsentMerchant was given in the merchant's checkout, and told to us with the plan.
	ConsentMerchant ConsentSource = "merchant"
)

// Consent is a customer's agreement that a card is saved and charged later: what was shown, when, and to whom. It is what
// a merchant shows in a dispute. Rows are added, and bound to a card once; nothing else about them changes.
//
// Source of what is to be kept: docs.stripe.com/payments/save-during-payment ("keep a record of your customer's written
// agreement").
type Consent struct {
	ID         ConsentID
	CustomerID CustomerID
	PlanID     PlanID
	ChargeID   ChargeID // that was paid with the card; empty when it was saved without paying
	CardID     CardID   // empty until the card is saved
	Intent     string   // the PaymentIntent or SetupIntent that saves the card; empty when the merchant told of it
	Source     ConsentSource

	TextVersion string // of the mandate text
	Text        string // as it was shown, in its language; empty when the merchant told of it
	Locale      string // of the text; may be empty
	AcceptedAt  time.Time
	Address     string // IP address; may be empty
	UserAgent   string // may be empty
	CreatedAt   time.Time
}

// ConsentFilter selects consents. Zero fields select all; one of them is to be set.
type ConsentFilter struct {
	Customer CustomerID
	Card     CardID
	Charge   ChargeID
}

// ConsentReader reads consents.
type ConsentReader interface {
	// Consents lists consents, newest first, MaxPage at most.
	Consents(ctx context.Context, f ConsentFilter) ([]Consent, error)
}

// ConsentWriter writes consents.
type ConsentWriter interface {
	// InsertConsent adds a consent. Errors: ErrExists; ErrNotFound when there is no such customer.
	InsertConsent(ctx context.Context, c Consent) error
	// BindConsent ties the newest consent to the card that was saved: the newest given for the intent, or else, with a
	// charge, the one that the merchant told of with it. It does nothing when there is none, or it has its card already.
	BindConsent(ctx context.Context, intent string, charge ChargeID, card CardID) error
}
