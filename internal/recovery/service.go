package recovery

import (
	"context"
	"time"

	"tranche/internal/billing"
	"tranche/internal/stripecustomer"
)

// Service serves the customer's requests. It is safe for concurrent use.
type Service struct {
	Store   billing.Store
	Gateway billing.Gateway
	Now     func() time.Time
	Rules   billing.Rules // the settings that apply to all plans
	// Lease is how long, on the clock, a PaymentIntent in the making is left to the request that makes
	// it. It is longer than any call to Stripe takes, and the same as the workers' lease.
	Lease time.Duration
	// Reason returns what the customer may be shown about a failure.
	Reason func(billing.Failure) billing.Reason
	// Tries limits how many cards a customer may try.
	Tries billing.CardTryLimits
	// OwnAccount asks Stripe again for the key's account, and reports whether it is the database's.
	// nil means that the account is not known.
	OwnAccount func(ctx context.Context) bool
	// MessageDomain is the right-hand side of the Message-ID of mails.
	MessageDomain string
}

// Evidence is what is stored when a customer agrees that a card is saved.
type Evidence struct {
	TextVersion string
	Text        string // as it was shown
	Locale      string
	Address     string // IP address of the browser
	UserAgent   string
	Listed      []billing.ListedPlan // plans and payments that the text lists
}

// consent returns the row for evidence given now.
func (e Evidence) consent(v Page, charge billing.ChargeID, intent string, now time.Time) billing.Consent {
	now = now.Truncate(time.Millisecond)
	return billing.Consent{
		ID: billing.NewConsentID(now), CustomerID: v.Customer.ID, PlanID: v.Plan.ID, ChargeID: charge, Intent: intent,
		Source: billing.ConsentPage, TextVersion: e.TextVersion, Text: e.Text, Locale: e.Locale, AcceptedAt: now,
		Address: e.Address, UserAgent: e.UserAgent, CreatedAt: now, Listed: e.Listed,
	}
}

// unknown is the rule for Stripe customers that Stripe does not have.
func (d *Service) unknown() stripecustomer.Unknown {
	return stripecustomer.Unknown{Store: d.Store, Gateway: d.Gateway, Now: d.Now, OwnAccount: d.OwnAccount}
}

// named is a Stripe customer that the visit's customer is said to be.
func (v Page) named(stripeCustomer string) stripecustomer.Named {
	return stripecustomer.Named{Customer: v.Customer.ID, StripeCustomer: stripeCustomer, Account: v.Plan.Account, Plan: v.Plan.ID}
}
