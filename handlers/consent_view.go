package handlers

import (
	"time"

	"tranche/internal/billing"
)

// ConsentView is the JSON of a consent: the evidence for a dispute.
type ConsentView struct {
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

// ViewConsent returns the JSON of a consent.
func ViewConsent(c billing.Consent) ConsentView {
	return ConsentView{
		ID: c.ID, Object: "consent", Customer: c.CustomerID, Plan: c.PlanID, Charge: c.ChargeID, Card: c.CardID, Intent: c.Intent,
		Source: c.Source, TextVersion: c.TextVersion, Text: c.Text, Locale: c.Locale, AcceptedAt: c.AcceptedAt, Address: c.Address,
		UserAgent: c.UserAgent, Listed: c.Listed,
	}
}
