package message

import (
	"encoding/json"
	"fmt"
	"time"

	"tranche/internal/billing"
	"tranche/internal/money"
)

// Snapshot holds the rows that audit entries name, for the messages about them, as the transaction
// leaves them. A missing row is left out of the message.
type Snapshot struct {
	Plans     map[billing.PlanID]billing.Plan
	Charges   map[billing.ChargeID]billing.Charge
	Customers map[billing.CustomerID]billing.Customer
	Cards     map[billing.CardID]billing.Card
	Notices   map[billing.NoticeID]billing.Notice
	Incidents map[billing.IncidentID]billing.Incident
}

// New builds the message for an audit entry. It is small on purpose: ids, the merchant's
// references, states, amounts and dates, but no names, addresses, mail texts or secrets.
func New(e billing.AuditEntry, s Snapshot) (billing.Message, error) {
	m := billing.Message{ID: billing.NewMessageID(e.At), Type: e.Action, PlanID: e.PlanID, CreatedAt: e.At}
	body, err := json.Marshal(payload{
		ID: m.ID, Type: m.Type, CreatedAt: utcMillis(e.At),
		Data: payloadData{
			Actor: e.Actor, ActorName: e.ActorName,
			Plan: viewOf(s.Plans, e.PlanID, viewPlan), Charge: viewOf(s.Charges, e.ChargeID, viewCharge),
			Customer: viewOf(s.Customers, e.CustomerID, viewCustomer), Card: viewOf(s.Cards, e.CardID, viewCard),
			Notice: viewOf(s.Notices, e.NoticeID, viewNotice), Incident: viewOf(s.Incidents, e.IncidentID, viewIncident),
		},
	})
	if err != nil {
		return m, fmt.Errorf("write the message about %s: %w", e.Action, err)
	}
	m.Payload = body
	return m, nil
}

// The types below are the JSON of a message. Amounts are minor units; times are RFC 3339 in UTC,
// null when there is none.

type payload struct {
	ID        billing.MessageID `json:"id"`
	Type      string            `json:"type"`
	CreatedAt time.Time         `json:"created_at"`
	Data      payloadData       `json:"data"`
}

type payloadData struct {
	Actor     billing.Actor    `json:"actor"`
	ActorName string           `json:"actor_name,omitempty"`
	Plan      *payloadPlan     `json:"plan,omitempty"`
	Charge    *payloadCharge   `json:"charge,omitempty"`
	Customer  *payloadCustomer `json:"customer,omitempty"`
	Card      *payloadCard     `json:"card,omitempty"`
	Notice    *payloadNotice   `json:"notice,omitempty"`
	Incident  *payloadIncident `json:"incident,omitempty"`
}

type payloadPlan struct {
	ID          billing.PlanID     `json:"id"`
	Reference   string             `json:"reference"`
	Kind        billing.PlanKind   `json:"kind"`
	Status      billing.PlanStatus `json:"status"`
	Currency    money.Currency     `json:"currency"`
	Total       int64              `json:"total"`
	CreatedAt   time.Time          `json:"created_at"`
	ActivatedAt *time.Time         `json:"activated_at"`
	Reason      *string            `json:"reason"` // why it is paused, canceled or defaulted
	Account     string             `json:"account,omitempty"`
}

type payloadCharge struct {
	ID            billing.ChargeID     `json:"id"`
	Sequence      int                  `json:"sequence"`
	Amount        int64                `json:"amount"`
	Currency      money.Currency       `json:"currency"`
	Status        billing.ChargeStatus `json:"status"`
	DueAt         *time.Time           `json:"due_at"` // null: due on request
	NextAttemptAt *time.Time           `json:"next_attempt_at"`
	PaidAt        *time.Time           `json:"paid_at"`
	AttemptCount  int                  `json:"attempt_count"`
	DeclineCode   *string              `json:"decline_code"`
	Reason        *string              `json:"reason"`
	PaymentIntent *string              `json:"payment_intent"`
	Refunded      int64                `json:"amount_refunded"`
	Dispute       *string              `json:"dispute_status"`
}

type payloadCustomer struct {
	ID             billing.CustomerID `json:"id"`
	Reference      string             `json:"reference"`
	StripeCustomer *string            `json:"stripe_customer"`
}

type payloadCard struct {
	ID            billing.CardID     `json:"id"`
	PaymentMethod string             `json:"payment_method"`
	Brand         string             `json:"brand"`
	Last4         string             `json:"last4"`
	ExpMonth      int                `json:"exp_month"`
	ExpYear       int                `json:"exp_year"`
	Status        billing.CardStatus `json:"status"`
	Hold          string             `json:"hold,omitempty"` // why it is on hold
}

type payloadNotice struct {
	ID      billing.NoticeID     `json:"id"`
	Kind    billing.NoticeKind   `json:"kind"`
	Channel string               `json:"channel"`
	Status  billing.NoticeStatus `json:"status"`
	Reason  *string              `json:"reason"`
}

type payloadIncident struct {
	ID       billing.IncidentID   `json:"id"`
	Kind     billing.IncidentKind `json:"kind"`
	Subject  string               `json:"subject"`
	Detail   string               `json:"detail"`
	Remedy   string               `json:"remedy"`
	OpenedAt time.Time            `json:"opened_at"`
	ClosedAt *time.Time           `json:"closed_at"` // null while it is open
	ClosedBy *string              `json:"closed_by"`
}

func viewPlan(p billing.Plan) payloadPlan {
	return payloadPlan{
		ID: p.ID, Reference: p.Reference, Kind: p.Kind, Status: p.Status, Currency: p.Currency, Total: p.Total,
		CreatedAt: utcMillis(p.CreatedAt), ActivatedAt: timeOrNull(p.ActivatedAt), Reason: textOrNull(p.Reason), Account: p.Account,
	}
}

func viewCharge(c billing.Charge) payloadCharge {
	return payloadCharge{
		ID: c.ID, Sequence: c.Sequence, Amount: c.Amount, Currency: c.Currency, Status: c.Status, DueAt: timeOrNull(c.DueAt),
		NextAttemptAt: timeOrNull(c.NextAttemptAt), PaidAt: timeOrNull(c.PaidAt), AttemptCount: c.AttemptCount,
		DeclineCode: textOrNull(c.DeclineCode), Reason: textOrNull(c.Reason), PaymentIntent: textOrNull(c.PaymentIntent),
		Refunded: c.AmountRefunded, Dispute: textOrNull(string(c.DisputeStatus)),
	}
}

func viewCustomer(c billing.Customer) payloadCustomer {
	return payloadCustomer{ID: c.ID, Reference: c.Reference, StripeCustomer: textOrNull(c.StripeCustomer)}
}

func viewCard(c billing.Card) payloadCard {
	return payloadCard{
		ID: c.ID, PaymentMethod: c.PaymentMethod, Brand: c.Brand, Last4: c.Last4, ExpMonth: c.ExpMonth, ExpYear: c.ExpYear, Status: c.Status, Hold: c.Hold,
	}
}

func viewNotice(n billing.Notice) payloadNotice {
	return payloadNotice{ID: n.ID, Kind: n.Kind, Channel: n.Channel, Status: n.Status, Reason: textOrNull(n.Reason)}
}

func viewIncident(i billing.Incident) payloadIncident {
	return payloadIncident{
		ID: i.ID, Kind: i.Kind, Subject: i.Subject, Detail: i.Detail, Remedy: i.Remedy, OpenedAt: utcMillis(i.OpenedAt),
		ClosedAt: timeOrNull(i.ClosedAt), ClosedBy: textOrNull(string(i.ClosedBy)),
	}
}

// viewOf returns the view of the row with this id; nil if there is none.
func viewOf[ID comparable, T, V any](rows map[ID]T, id ID, view func(T) V) *V {
	row, ok := rows[id]
	if !ok {
		return nil
	}
	v := view(row)
	return &v
}

func utcMillis(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }

func timeOrNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = utcMillis(t)
	return &t
}

func textOrNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
