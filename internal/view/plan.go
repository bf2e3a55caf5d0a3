package view

import (
	"encoding/json"
	"time"

	"tranche/internal/billing"
	"tranche/internal/calendar"
	"tranche/internal/money"
	"tranche/internal/planning"
	"tranche/internal/schedule"
	"tranche/internal/terms"
)

// Plan is the JSON of a plan.
type Plan struct {
	ID        billing.PlanID   `json:"id"`
	Object    string           `json:"object"` // "plan"
	Reference string           `json:"reference"`
	Kind      billing.PlanKind `json:"kind"`
	// Description is the merchant's text about the plan's purpose.
	Description string             `json:"description,omitempty"`
	Status      billing.PlanStatus `json:"status"`
	Reason      string             `json:"reason,omitempty"` // why it is paused, canceled or defaulted
	Currency    money.Currency     `json:"currency"`
	Total       int64              `json:"total"`
	Customer    Customer           `json:"customer"`
	Charges     []Charge           `json:"charges"`
	// Incidents are the open incidents: faults that a person must resolve.
	Incidents   []Incident `json:"incidents,omitempty"`
	CreatedAt   time.Time  `json:"created_at"`
	ActivatedAt *time.Time `json:"activated_at"`
	PausedAt    *time.Time `json:"paused_at,omitempty"`
	// ExpiresAt is when the plan is canceled if it is not active by then. It is absent if the terms
	// set no such time, and once the plan has been active.
	ExpiresAt    *time.Time    `json:"expires_at,omitempty"`
	FirstPayment *FirstPayment `json:"first_payment,omitempty"` // only in the answer to POST /v1/plans
	// Setup is only in the answer to POST /v1/plans, if there is no first payment.
	Setup *Setup `json:"setup,omitempty"`
	// Warnings are only in the answer to POST /v1/plans. They are for the merchant, before the plan is
	// sold.
	Warnings []string `json:"warnings,omitempty"`
	// Recurrence describes the charges that follow the existing ones.
	Recurrence *Recurrence `json:"recurrence,omitempty"`
	// CatchUp selects which periods that an outage missed are charged; absent for the default, one
	// charge a day.
	CatchUp billing.CatchUp `json:"catch_up,omitempty"`
	// Account is the connected account that makes the payments; absent for the platform's own account.
	// The checkout needs it for Stripe.js.
	Account string `json:"account,omitempty"`
	// Connect holds the Stripe Connect parameters of each payment.
	Connect *billing.Connect `json:"connect,omitempty"`
	// Policy is the name of the dunning policy; empty means the default policy.
	Policy      string `json:"policy,omitempty"`
	BackupCards bool   `json:"backup_cards_allowed,omitempty"`
}

// FirstPayment is the JSON for the merchant's checkout. The client secret is for this customer
// only.
type FirstPayment struct {
	PaymentIntent string               `json:"payment_intent"`
	ClientSecret  string               `json:"client_secret"`
	Status        billing.IntentStatus `json:"status"`
}

// Setup is the JSON for the merchant's checkout if it saves a card without a payment. The
// client secret is for this customer only.
type Setup struct {
	SetupIntent  string               `json:"setup_intent"`
	ClientSecret string               `json:"client_secret"`
	Status       billing.IntentStatus `json:"status"`
}

// Recurrence is the JSON of a recurrence.
type Recurrence struct {
	Amount int64             `json:"amount"`
	Every  calendar.Interval `json:"every"`
	Left   int               `json:"left,omitempty"` // the number of charges still to be written; absent if unlimited
	Until  calendar.Date     `json:"until,omitzero"` // the last possible due date; absent if unlimited
}

// NewRecurrence returns the JSON of a recurrence; nil if no more charges follow.
func NewRecurrence(r schedule.Recurrence) *Recurrence {
	if r.IsZero() {
		return nil
	}
	return &Recurrence{Amount: r.Amount, Every: r.Every, Left: r.Left, Until: r.Until}
}

// NewCreatedPlan returns the JSON of a new plan, with the client secret for the merchant's
// checkout.
func NewCreatedPlan(c planning.Created) Plan {
	v := NewPlan(c.Details)
	v.Warnings = terms.Warnings(c.Plan.Currency)
	if c.FirstPayment.ID != "" {
		v.FirstPayment = &FirstPayment{
			PaymentIntent: c.FirstPayment.ID, ClientSecret: c.FirstPayment.ClientSecret.Reveal(), Status: c.FirstPayment.Status,
		}
	}
	if c.Setup.ID != "" {
		v.Setup = &Setup{SetupIntent: c.Setup.ID, ClientSecret: c.Setup.ClientSecret.Reveal(), Status: c.Setup.Status}
	}
	return v
}

// NewPlan returns the JSON of a plan.
func NewPlan(d billing.Details) Plan {
	p := d.Plan
	v := Plan{
		ID: p.ID, Object: "plan", Reference: p.Reference, Kind: p.Kind, Description: p.Description(), Status: p.Status, Currency: p.Currency, Total: p.Total,
		Customer: NewCustomer(d.Customer, nil), Charges: make([]Charge, len(d.Charges)),
		CreatedAt: p.CreatedAt, ActivatedAt: orNull(p.ActivatedAt), Reason: p.Reason, PausedAt: orNull(p.PausedAt),
		Policy: p.Policy, BackupCards: p.BackupCards, CatchUp: p.CatchUp,
	}
	v.Recurrence = NewRecurrence(p.Recurrence)
	v.Account = p.Account
	if p.Status == billing.PlanAwaitingFirstPayment {
		v.ExpiresAt = orNull(p.ExpiresAt)
	}
	if !p.Connect.IsZero() {
		v.Connect = &p.Connect
	}
	for i, c := range d.Charges {
		v.Charges[i] = newCharge(c, d.Attempts[c.ID])
		v.Charges[i].Incidents = newIncidents(d.IncidentsOf(c.ID))
	}
	v.Incidents = newIncidents(d.Incidents)
	return v
}

// Version is the JSON of a version of a plan's agreement.
type Version struct {
	Number  int             `json:"number"`
	At      time.Time       `json:"at"`
	Actor   billing.Actor   `json:"actor"`
	What    string          `json:"what"`
	Total   int64           `json:"total"`
	Charges json.RawMessage `json:"charges"` // the charges in the total: charge, sequence, amount, due_at
}

// NewVersion returns the JSON of a version.
func NewVersion(v billing.PlanVersion) Version {
	return Version{Number: v.Number, At: v.At, Actor: v.Actor, What: v.What, Total: v.Total, Charges: v.Charges}
}
