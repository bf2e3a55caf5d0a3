package view

import (
	"time"

	"tranche/internal/billing"
)

// Card is the JSON of a saved card.
type Card struct {
	ID            billing.CardID     `json:"id"`
	PaymentMethod string             `json:"payment_method"`
	Brand         string             `json:"brand"`
	Last4         string             `json:"last4"`
	ExpMonth      int                `json:"exp_month"`
	ExpYear       int                `json:"exp_year"`
	Status        billing.CardStatus `json:"status"`
	Position      int                `json:"position,omitempty"`   // 1 is the default card, the others are its backups in order
	Account       string             `json:"account,omitempty"`    // the connected account that it was saved in
	Hold          string             `json:"hold,omitempty"`       // why it is not charged until it is released
	RemovedAt     *time.Time         `json:"removed_at,omitempty"` // when it was permanently removed
	Expired       bool               `json:"expired,omitempty"`
	// ExpiresBefore is the due date of the card's first charge after the card's expiry.
	ExpiresBefore *time.Time `json:"expires_before,omitempty"`
}

// NewCard returns the JSON of a card.
func NewCard(c billing.Card) Card {
	return Card{
		ID: c.ID, PaymentMethod: c.PaymentMethod, Brand: c.Brand, Last4: c.Last4, ExpMonth: c.ExpMonth, ExpYear: c.ExpYear, Status: c.Status,
		Position: c.Position, Account: c.Account, Hold: c.Hold, RemovedAt: orNull(c.RemovedAt),
	}
}

// Consent is the JSON of a consent: the evidence for a dispute.
type Consent struct {
	ID          billing.ConsentID     `json:"id"`
	Object      string                `json:"object"` // consent
	Customer    billing.CustomerID    `json:"customer"`
	Plan        billing.PlanID        `json:"plan"`
	Charge      billing.ChargeID      `json:"charge,omitempty"`
	Card        billing.CardID        `json:"card,omitempty"` // empty: the consent saved no card
	Intent      string                `json:"intent,omitempty"`
	Source      billing.ConsentSource `json:"source"`
	TextVersion string                `json:"text_version"`
	Text        string                `json:"text,omitempty"`
	Locale      string                `json:"locale,omitempty"`
	AcceptedAt  time.Time             `json:"accepted_at"`
	Address     string                `json:"ip,omitempty"`
	UserAgent   string                `json:"user_agent,omitempty"`
	Listed      []billing.ListedPlan  `json:"listed,omitempty"` // plans and payments that the text listed
}

// NewConsent returns the JSON of a consent.
func NewConsent(c billing.Consent) Consent {
	return Consent{
		ID: c.ID, Object: "consent", Customer: c.CustomerID, Plan: c.PlanID, Charge: c.ChargeID, Card: c.CardID, Intent: c.Intent,
		Source: c.Source, TextVersion: c.TextVersion, Text: c.Text, Locale: c.Locale, AcceptedAt: c.AcceptedAt, Address: c.Address,
		UserAgent: c.UserAgent, Listed: c.Listed,
	}
}
