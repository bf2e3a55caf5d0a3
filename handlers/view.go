package handlers

import (
	"time"

	"tranche/internal/billing"
	"tranche/internal/planning"
)

// The types below are the JSON of the API, of --json on the command line and of the demo's report.
// Amounts are minor units; times are RFC 3339 in UTC, or null.

// PlanView is the JSON of a plan.
type PlanView struct {
	ID        billing.PlanID   `json:"id"`
	Object    string           `json:"object"` // "plan"
	Reference string           `json:"reference"`
	Kind      billing.PlanKind `json:"kind"`
	// Description is the merchant's text about the plan's purpose.
	Description string             `json:"description,omitempty"`
	Status      billing.PlanStatus `json:"status"`
	Reason      string             `json:"reason,omitempty"` // why it is paused, canceled or defaulted
	Currency    billing.Currency   `json:"currency"`
	Total       int64              `json:"total"`
	Customer    CustomerView       `json:"customer"`
	Charges     []ChargeView       `json:"charges"`
	// Incidents are the open incidents: faults that a person must resolve.
	Incidents   []IncidentView `json:"incidents,omitempty"`
	CreatedAt   time.Time      `json:"created_at"`
	ActivatedAt *time.Time     `json:"activated_at"`
	PausedAt    *time.Time     `json:"paused_at,omitempty"`
	// ExpiresAt is when the plan is canceled if it is not active by then. It is absent if the terms
	// set no such time, and once the plan has been active.
	ExpiresAt    *time.Time        `json:"expires_at,omitempty"`
	FirstPayment *FirstPaymentView `json:"first_payment,omitempty"` // only in the answer to POST /v1/plans
	// Setup is only in the answer to POST /v1/plans, if there is no first payment.
	Setup *SetupView `json:"setup,omitempty"`
	// Warnings are only in the answer to POST /v1/plans. They are for the merchant, before the plan is
	// sold.
	Warnings []string `json:"warnings,omitempty"`
	// Recurrence describes the charges that follow the existing ones.
	Recurrence *RecurrenceView `json:"recurrence,omitempty"`
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

// FirstPaymentView is the JSON for the merchant's checkout. The client secret is for this customer
// only.
type FirstPaymentView struct {
	PaymentIntent string               `json:"payment_intent"`
	ClientSecret  string               `json:"client_secret"`
	Status        billing.IntentStatus `json:"status"`
}

// SetupView is the JSON for the merchant's checkout if it saves a card without a payment. The
// client secret is for this customer only.
type SetupView struct {
	SetupIntent  string               `json:"setup_intent"`
	ClientSecret string               `json:"client_secret"`
	Status       billing.IntentStatus `json:"status"`
}

// RecurrenceView is the JSON of a recurrence.
type RecurrenceView struct {
	Amount int64            `json:"amount"`
	Every  billing.Interval `json:"every"`
	Left   int              `json:"left,omitempty"` // the number of charges still to be written; absent if unlimited
	Until  billing.Date     `json:"until,omitzero"` // the last possible due date; absent if unlimited
}

// ViewRecurrence returns the JSON of a recurrence; nil if no more charges follow.
func ViewRecurrence(r billing.Recurrence) *RecurrenceView {
	if r.IsZero() {
		return nil
	}
	return &RecurrenceView{Amount: r.Amount, Every: r.Every, Left: r.Left, Until: r.Until}
}

// ViewCreated returns the JSON of a new plan, with the client secret for the merchant's checkout.
func ViewCreated(c planning.Created) PlanView {
	v := ViewPlan(c.Details)
	v.Warnings = billing.Warnings(c.Plan.Currency)
	if c.FirstPayment.ID != "" {
		v.FirstPayment = &FirstPaymentView{
			PaymentIntent: c.FirstPayment.ID, ClientSecret: c.FirstPayment.ClientSecret.Reveal(), Status: c.FirstPayment.Status,
		}
	}
	if c.Setup.ID != "" {
		v.Setup = &SetupView{SetupIntent: c.Setup.ID, ClientSecret: c.Setup.ClientSecret.Reveal(), Status: c.Setup.Status}
	}
	return v
}

// CustomerView is the JSON of a customer.
type CustomerView struct {
	ID             billing.CustomerID `json:"id"`
	Reference      string             `json:"reference"`
	Email          string             `json:"email"`
	Name           string             `json:"name"`
	Locale         string             `json:"locale"`
	TimeZone       string             `json:"timezone"`
	StripeCustomer string             `json:"stripe_customer"`
	ErasedAt       *time.Time         `json:"erased_at,omitempty"`
	Cards          []CardView         `json:"cards,omitempty"`
	Plans          []CustomerPlanView `json:"plans,omitempty"` // plans that may still make charges, newest first
}

// CustomerPlanView is the JSON of a plan in its customer.
type CustomerPlanView struct {
	ID        billing.PlanID     `json:"id"`
	Reference string             `json:"reference"`
	Kind      billing.PlanKind   `json:"kind"`
	Status    billing.PlanStatus `json:"status"`
	Currency  billing.Currency   `json:"currency"`
	Total     int64              `json:"total"`
	Card      billing.CardID     `json:"card,omitempty"` // the card to charge
}

// CardView is the JSON of a saved card.
type CardView struct {
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

// ChargeView is the JSON of a charge.
type ChargeView struct {
	ID            billing.ChargeID      `json:"id"`
	Sequence      int                   `json:"sequence"`
	Amount        int64                 `json:"amount"`
	Currency      billing.Currency      `json:"currency"`
	DueAt         *time.Time            `json:"due_at"` // null while the charge waits for the merchant's request
	Status        billing.ChargeStatus  `json:"status"`
	Reason        string                `json:"reason,omitempty"`
	DeclineCode   string                `json:"decline_code,omitempty"`
	NextAttemptAt *time.Time            `json:"next_attempt_at"`
	PaidAt        *time.Time            `json:"paid_at"`
	PaidOutside   bool                  `json:"paid_outside,omitempty"` // paid without Stripe
	Dropped       bool                  `json:"dropped,omitempty"`      // its amount no longer counts in the total
	Refunded      int64                 `json:"amount_refunded"`
	DisputeStatus billing.DisputeStatus `json:"dispute_status,omitempty"`
	PaymentIntent string                `json:"payment_intent"`
	Attempts      []AttemptView         `json:"attempts"`
	// Incidents are the open incidents about the charge.
	Incidents []IncidentView `json:"incidents,omitempty"`
}

// AttemptView is the JSON of an attempt. An attempt that the customer made at Stripe directly has
// no idempotency key.
type AttemptView struct {
	Number         int               `json:"number"`
	Initiator      billing.Initiator `json:"initiator"`
	IdempotencyKey *string           `json:"idempotency_key"`
	Outcome        billing.Outcome   `json:"outcome"`
	Code           string            `json:"code,omitempty"`
	DeclineCode    *string           `json:"decline_code"`
	StripeCharge   string            `json:"stripe_charge,omitempty"`
	RequestID      string            `json:"request_id,omitempty"`
	CreatedAt      time.Time         `json:"created_at"`
	FinishedAt     *time.Time        `json:"finished_at"`
}

// NoticeView is the JSON of a notice.
type NoticeView struct {
	ID      billing.NoticeID     `json:"id"`
	Kind    billing.NoticeKind   `json:"kind"`
	Plan    billing.PlanID       `json:"plan"`
	Charge  *billing.ChargeID    `json:"charge"` // null for a notice about the plan or the card
	Channel string               `json:"channel"`
	To      string               `json:"to"`
	Status  billing.NoticeStatus `json:"status"`
	Reason  string               `json:"reason,omitempty"`
	Message string               `json:"message_id"` // the mail's Message-ID; empty until it is known
	// MailedWith is another notice whose mail also holds this notice; absent if this notice has its
	// own mail.
	MailedWith billing.NoticeID `json:"mailed_with,omitempty"`
	Subject    string           `json:"subject"`
	Body       string           `json:"body"`
	SentAt     *time.Time       `json:"sent_at"`
	Created    time.Time        `json:"created_at"`
}

// AuditView is the JSON of an audit entry.
type AuditView struct {
	Seq      int64              `json:"seq"` // in the order of writing
	At       time.Time          `json:"at"`
	Actor    billing.Actor      `json:"actor"`
	Name     string             `json:"actor_name,omitempty"` // the person behind an API key, as named by the caller
	Action   string             `json:"action"`
	Plan     billing.PlanID     `json:"plan,omitempty"`
	Charge   billing.ChargeID   `json:"charge,omitempty"`
	Customer billing.CustomerID `json:"customer,omitempty"`
	Card     billing.CardID     `json:"card,omitempty"`
	Notice   billing.NoticeID   `json:"notice,omitempty"`
	Incident billing.IncidentID `json:"incident,omitempty"`
	Subject  string             `json:"subject,omitempty"` // an endpoint, a delivery or an event by id, the table of an export, or "database"
	Message  string             `json:"message"`
	Next     string             `json:"next,omitempty"`
}

// ListView is the JSON of one page of a list.
type ListView[T any] struct {
	Object  string `json:"object"` // "list"
	Data    []T    `json:"data"`
	HasMore bool   `json:"has_more"`
	// Next is the cursor of the next page: the parameter `before`, `cursor` or `after` of the list.
	Next string `json:"next_cursor,omitempty"`
}

// ViewPlan returns the JSON of a plan.
func ViewPlan(d billing.Details) PlanView {
	p := d.Plan
	v := PlanView{
		ID: p.ID, Object: "plan", Reference: p.Reference, Kind: p.Kind, Description: p.Description(), Status: p.Status, Currency: p.Currency, Total: p.Total,
		Customer: ViewCustomer(d.Customer, nil), Charges: make([]ChargeView, len(d.Charges)),
		CreatedAt: p.CreatedAt, ActivatedAt: orNull(p.ActivatedAt), Reason: p.Reason, PausedAt: orNull(p.PausedAt),
		Policy: p.Policy, BackupCards: p.BackupCards, CatchUp: p.CatchUp,
	}
	v.Recurrence = ViewRecurrence(p.Recurrence)
	v.Account = p.Account
	if p.Status == billing.PlanAwaitingFirstPayment {
		v.ExpiresAt = orNull(p.ExpiresAt)
	}
	if !p.Connect.IsZero() {
		v.Connect = &p.Connect
	}
	for i, c := range d.Charges {
		v.Charges[i] = viewCharge(c, d.Attempts[c.ID])
		v.Charges[i].Incidents = viewIncidents(d.IncidentsOf(c.ID))
	}
	v.Incidents = viewIncidents(d.Incidents)
	return v
}

// ViewCustomer returns the JSON of a customer and of the given cards.
func ViewCustomer(c billing.Customer, cards []billing.Card) CustomerView {
	v := CustomerView{
		ID: c.ID, Reference: c.Reference, Email: c.Email, Name: c.Name, Locale: c.Locale, TimeZone: c.TimeZone,
		StripeCustomer: c.StripeCustomer, ErasedAt: orNull(c.ErasedAt),
	}
	for _, card := range cards {
		v.Cards = append(v.Cards, ViewCard(card))
	}
	return v
}

// ViewCard returns the JSON of a card.
func ViewCard(c billing.Card) CardView {
	return CardView{
		ID: c.ID, PaymentMethod: c.PaymentMethod, Brand: c.Brand, Last4: c.Last4, ExpMonth: c.ExpMonth, ExpYear: c.ExpYear, Status: c.Status,
		Position: c.Position, Account: c.Account, Hold: c.Hold, RemovedAt: orNull(c.RemovedAt),
	}
}

// ViewWallet returns the JSON of a customer with the open plans and the cards in order. Each card
// has the first charge that falls due after its expiry.
func ViewWallet(w billing.Wallet, now time.Time) CustomerView {
	v := ViewCustomer(w.Customer, w.Cards)
	for _, p := range w.Plans {
		v.Plans = append(v.Plans, CustomerPlanView{
			ID: p.ID, Reference: p.Reference, Kind: p.Kind, Status: p.Status, Currency: p.Currency, Total: p.Total, Card: p.CardID,
		})
	}
	for i, card := range w.Cards {
		v.Cards[i].Expired = card.Expired(now)
		if ch, ok := card.ExpiresBefore(w.Charges[card.ID], billing.LoadLocation(w.Customer.TimeZone)); ok {
			v.Cards[i].ExpiresBefore = orNull(ch.DueAt)
		}
	}
	return v
}

func viewCharge(c billing.Charge, attempts []billing.Attempt) ChargeView {
	v := ChargeView{
		ID: c.ID, Sequence: c.Sequence, Amount: c.Amount, Currency: c.Currency, DueAt: orNull(c.DueAt), Status: c.Status,
		Reason: c.Reason, DeclineCode: c.DeclineCode, NextAttemptAt: orNull(c.NextAttemptAt), PaidAt: orNull(c.PaidAt),
		PaymentIntent: c.PaymentIntent, Refunded: c.AmountRefunded, PaidOutside: c.PaidOutside, Dropped: c.Dropped, DisputeStatus: c.DisputeStatus, Attempts: make([]AttemptView, len(attempts)),
	}
	for i, a := range attempts {
		v.Attempts[i] = AttemptView{
			Number: a.Number, Initiator: a.Initiator, IdempotencyKey: textOrNull(a.IdempotencyKey), Outcome: a.Outcome,
			Code: a.Failure.Code, DeclineCode: textOrNull(a.Failure.DeclineCode), StripeCharge: a.StripeCharge,
			RequestID: a.RequestID, CreatedAt: a.CreatedAt, FinishedAt: orNull(a.FinishedAt),
		}
	}
	return v
}

// ViewNotice returns the JSON of a notice.
func ViewNotice(n billing.Notice) NoticeView {
	v := NoticeView{
		ID: n.ID, Kind: n.Kind, Plan: n.PlanID, Channel: n.Channel, To: n.To, Status: n.Status,
		Reason: n.Reason, Message: n.MessageID, Subject: n.Subject, Body: n.Body, SentAt: orNull(n.SentAt), Created: n.CreatedAt,
	}
	if n.ChargeID != "" {
		v.Charge = &n.ChargeID
	}
	if n.Data.MailedWith != n.ID {
		v.MailedWith = n.Data.MailedWith
	}
	return v
}

// ViewAudit returns the JSON of an audit entry.
func ViewAudit(e billing.AuditEntry) AuditView {
	return AuditView{
		Seq: e.Seq, At: e.At, Actor: e.Actor, Name: e.ActorName, Action: e.Action, Plan: e.PlanID, Charge: e.ChargeID, Customer: e.CustomerID,
		Card: e.CardID, Notice: e.NoticeID, Incident: e.IncidentID, Subject: e.Subject, Message: e.Message, Next: e.Next,
	}
}

func orNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func textOrNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
