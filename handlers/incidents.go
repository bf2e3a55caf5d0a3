package handlers

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"tranche/internal/billing"
	"tranche/internal/operator"
)

// IncidentView is the JSON of an incident.
type IncidentView struct {
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

// ViewIncident returns the JSON of an incident.
func ViewIncident(i billing.Incident) IncidentView {
	return IncidentView{
		ID: i.ID, Object: "incident", Kind: i.Kind, Subject: i.Subject, Open: i.Open(), Plan: i.PlanID, Charge: i.ChargeID,
		Customer: i.CustomerID, Account: i.Account, Detail: i.Detail, Remedy: i.Remedy, OpenedAt: i.OpenedAt,
		ClosedAt: orNull(i.ClosedAt), ClosedBy: i.ClosedBy, Note: i.Note,
	}
}

// ViewIncidents returns the JSON of a page of incidents. The caller reads one row more than limit,
// which shows whether another page follows.
func ViewIncidents(incidents []billing.Incident, limit int) ListView[IncidentView] {
	page, more := cut(incidents, limit)
	list := ListView[IncidentView]{Object: "list", Data: viewIncidents(page), HasMore: more}
	if more {
		list.Next = string(page[limit-1].ID)
	}
	return list
}

func viewIncidents(incidents []billing.Incident) []IncidentView {
	views := make([]IncidentView, len(incidents))
	for i, one := range incidents {
		views[i] = ViewIncident(one)
	}
	return views
}

func (s *Server) incidentRoutes(api *router) {
	api.handle("GET /v1/incidents", s.listIncidents, "open", "kind", "plan", "cursor", "limit")
	api.handle("GET /v1/incidents/{id}", s.showIncident)
	api.handle("POST /v1/incidents/{id}/close", s.closeIncident)
}

// listIncidents lists incidents, newest first, filtered by ?open=, ?kind= and ?plan=, from ?cursor=
// on.
func (s *Server) listIncidents(w http.ResponseWriter, r *http.Request) {
	limit, ok := pageSize(w, r)
	if !ok {
		return
	}
	plan, err := s.planParameter(r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	q := r.URL.Query()
	f := billing.IncidentFilter{
		Kind: billing.IncidentKind(q.Get("kind")), Plan: plan, Before: billing.IncidentID(q.Get("cursor")), Limit: limit + 1,
	}
	if open := q.Get("open"); open != "" {
		if f.Open, err = strconv.ParseBool(open); err != nil {
			badParameter(w, "open", fmt.Sprintf("%q is neither true nor false", open))
			return
		}
	}
	if f.Kind != "" && !slices.Contains(billing.IncidentKinds(), f.Kind) {
		badParameter(w, "kind", fmt.Sprintf("%q is none of %v", f.Kind, billing.IncidentKinds()))
		return
	}
	if f.Before != "" && !strings.HasPrefix(string(f.Before), "inc_") {
		badParameter(w, "cursor", fmt.Sprintf("%q is not the next_cursor of a page", f.Before))
		return
	}
	incidents, err := s.Store.Incidents(r.Context(), f)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, ViewIncidents(incidents, limit))
}

func (s *Server) showIncident(w http.ResponseWriter, r *http.Request) {
	i, err := s.Store.Incident(r.Context(), billing.IncidentID(r.PathValue("id")))
	if err != nil {
		s.fail(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, ViewIncident(i))
}

// closeIncident closes an incident, with an optional note.
func (s *Server) closeIncident(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Note string `json:"note"`
	}
	if r.ContentLength != 0 && !decodeBody(w, r, &body) {
		return
	}
	i, err := operator.CloseIncident(r.Context(), s.Store, billing.IncidentID(r.PathValue("id")), body.Note, s.Clock.Now())
	if err != nil {
		s.fail(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, ViewIncident(i))
}
