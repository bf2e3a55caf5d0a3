package recovery

import (
	"context"
	"time"

	"tranche/internal/billing"
)

// Desk is where customers are served. It is safe for concurrent use.
type Desk struct {
	Store   billing.Store
	Gateway billing.Gateway
	Now     func() time.Time
	// Lease is how long, on the clock, a PaymentIntent that is being made is left to whoever makes
	// it. It is longer than a call to Stripe takes at most, and the same as the workers'.
	Lease time.Duration
	// Reason says what may be told of a failure.
	Reason func(billing.Failure) billing.Reason
	// Tries bounds how many cards a customer may try.
	Tries billing.CardTryLimits
	// OwnAccount asks Stripe again which account the key belongs to, and reports whether Stripe names
	// the database's. nil means that it is not known.
	OwnAccount func(ctx context.Context) bool
	// MessageDomain is the right-hand side of the Message-ID of mails.
	MessageDomain string
}

// Evidence is who agreed to what: what is kept when a customer lets a card be saved.
type Evidence struct {
	TextVersion string
	Text        string // as it was shown
	Locale      string
	Address     string // IP address of the browser
	UserAgent   string
	Listed      []billing.ListedPlan // plans and payments that the text lists
}

// consent is the row for evidence given now.
func (e Evidence) consent(v Visit, charge billing.ChargeID, intent string, now time.Time) billing.Consent {
	now = now.Truncate(time.Millisecond)
	return billing.Consent{
		ID: billing.NewConsentID(now), CustomerID: v.Customer.ID, PlanID: v.Plan.ID, ChargeID: charge, Intent: intent,
		Source: billing.ConsentPage, TextVersion: e.TextVersion, Text: e.Text, Locale: e.Locale, AcceptedAt: now,
		Address: e.Address, UserAgent: e.UserAgent, CreatedAt: now, Listed: e.Listed,
	}
}
