package billing

import (
	"context"
	"time"

	"tranche/internal/money"
)

// ConsentID identifies the record of a consent: cons_…
type ConsentID string

// NewConsentID makes a consent id at the given time.
func NewConsentID(now time.Time) ConsentID { return ConsentID("cons_" + newID(now)) }

// ConsentSource is where the customer gave the consent.
type ConsentSource string

const (
	// ConsentPage was given on the recovery page. The text is the one that was shown.
	ConsentPage ConsentSource = "page"
	// ConsentMerchant was given in the merchant's checkout, and reported with the plan.
	ConsentMerchant ConsentSource = "merchant"
)

// Consent is a customer's agreement that a card is saved and charged later: the text that was
// shown, when, and to whom. It is the merchant's evidence in a dispute. Rows are added, and bound
// to a card once; nothing else about them changes.
//
// Source for what to keep: docs.stripe.com/payments/save-during-payment ("keep a record of your
// customer's written agreement").
type Consent struct {
	ID         ConsentID
	CustomerID CustomerID
	PlanID     PlanID
	ChargeID   ChargeID // that was paid with the card; empty when it was saved without paying
	CardID     CardID   // empty until the card is saved
	Intent     string   // PaymentIntent or SetupIntent that saves the card; empty when the merchant reported the consent
	Source     ConsentSource

	TextVersion string // of the mandate text
	Text        string // as it was shown, in its language; empty when the merchant reported the consent
	Locale      string // of the text; may be empty
	AcceptedAt  time.Time
	Address     string // IP address; may be empty
	UserAgent   string // may be empty
	CreatedAt   time.Time

	// Listed holds the contents of the text: every plan that the card is used for, and the payments
	// of each plan at that time. It is empty when the merchant reported the consent.
	Listed []ListedPlan
}

// Plans returns the plans that the card may be charged for: the listed ones, and no other plan of
// the customer.
func (c Consent) Plans() []PlanID {
	if len(c.Listed) == 0 {
		return []PlanID{c.PlanID}
	}
	ids := make([]PlanID, len(c.Listed))
	for i, p := range c.Listed {
		ids[i] = p.Plan
	}
	return ids
}

// ListedPlan is one plan in the text of a consent.
type ListedPlan struct {
	Plan      PlanID          `json:"plan"`
	Reference string          `json:"reference"`          // the merchant's name for the plan
	Text      string          `json:"text"`               // the line as it was shown, in the customer's language
	Payments  []ListedPayment `json:"payments,omitempty"` // the upcoming ones, by sequence
}

// ListedPayment is one payment in the text of a consent.
type ListedPayment struct {
	Charge   ChargeID       `json:"charge"`
	Amount   int64          `json:"amount"` // minor units
	Currency money.Currency `json:"currency"`
	DueAt    time.Time      `json:"due_at,omitzero"` // zero: due on request
	Now      bool           `json:"now,omitempty"`   // it is owed already, so it is charged at once
}

// ConsentFilter selects consents. At least one field must be set; zero fields select all.
type ConsentFilter struct {
	Customer CustomerID
	Card     CardID
	Charge   ChargeID
	Intent   string    // the PaymentIntent or SetupIntent that the consent was given for
	Before   ConsentID // older than this one: the cursor
	Limit    int
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
	// BindConsent binds the newest consent to the card that was saved: the newest one for the
	// intent, or else, with a charge, the consent that the merchant reported with the charge's
	// plan. It does nothing when there is no such consent, or when it is bound already.
	BindConsent(ctx context.Context, intent string, charge ChargeID, card CardID) error
}
