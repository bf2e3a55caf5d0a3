package view

import (
	"strconv"
	"time"

	"tranche/internal/billing"
)

// Audit is the JSON of an audit entry.
type Audit struct {
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

// NewAudit returns the JSON of an audit entry.
func NewAudit(e billing.AuditEntry) Audit {
	return Audit{
		Seq: e.Seq, At: e.At, Actor: e.Actor, Name: e.ActorName, Action: e.Action, Plan: e.PlanID, Charge: e.ChargeID, Customer: e.CustomerID,
		Card: e.CardID, Notice: e.NoticeID, Incident: e.IncidentID, Subject: e.Subject, Message: e.Message, Next: e.Next,
	}
}

// NewAuditPage returns the JSON of a page of audit entries, newest first. The caller reads one row
// more than limit, which shows whether another page follows.
func NewAuditPage(entries []billing.AuditEntry, limit int) List[Audit] {
	return Page(entries, limit, NewAudit, func(e billing.AuditEntry) string { return strconv.FormatInt(e.Seq, 10) })
}
