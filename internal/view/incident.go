package view

import (
	"time"

	"tranche/internal/billing"
)

// Incident is the JSON of an incident.
type Incident struct {
	ID       billing.IncidentID   `json:"id"`
	Object   string               `json:"object"` // "incident"
	Kind     billing.IncidentKind `json:"kind"`
	Subject  string               `json:"subject"`
	Open     bool                 `json:"open"`
	Plan     billing.PlanID       `json:"plan,omitempty"`
	Charge   billing.ChargeID     `json:"charge,omitempty"`
	Customer billing.CustomerID   `json:"customer,omitempty"`
	Account  string               `json:"account,omitempty"`
	Detail   string               `json:"detail"` // what happened
	Remedy   string               `json:"remedy"` // what to do
	OpenedAt time.Time            `json:"opened_at"`
	ClosedAt *time.Time           `json:"closed_at"` // null while it is open
	ClosedBy billing.Actor        `json:"closed_by,omitempty"`
	Note     string               `json:"note,omitempty"`
}

// NewIncident returns the JSON of an incident.
func NewIncident(i billing.Incident) Incident {
	return Incident{
		ID: i.ID, Object: "incident", Kind: i.Kind, Subject: i.Subject, Open: i.Open(), Plan: i.PlanID, Charge: i.ChargeID,
		Customer: i.CustomerID, Account: i.Account, Detail: i.Detail, Remedy: i.Remedy, OpenedAt: i.OpenedAt,
		ClosedAt: orNull(i.ClosedAt), ClosedBy: i.ClosedBy, Note: i.Note,
	}
}

// NewIncidents returns the JSON of a page of incidents. The caller reads one row more than limit,
// which shows whether another page follows.
func NewIncidents(incidents []billing.Incident, limit int) List[Incident] {
	return Page(incidents, limit, NewIncident, func(i billing.Incident) string { return string(i.ID) })
}

func newIncidents(incidents []billing.Incident) []Incident {
	views := make([]Incident, len(incidents))
	for i, one := range incidents {
		views[i] = NewIncident(one)
	}
	return views
}
