package handlers

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"tranche/internal/billing"
	"tranche/internal/operator"
	"tranche/internal/view"
)

// incidentAPI lists and closes incidents.
type incidentAPI struct {
	base
	operator *operator.Operator
}

func (a incidentAPI) routes(api *router) {
	api.handle("GET /v1/incidents", a.listIncidents, "open", "kind", "plan", "cursor", "limit")
	api.handle("GET /v1/incidents/{id}", a.showIncident)
	api.handle("POST /v1/incidents/{id}/close", a.closeIncident)
}

// listIncidents lists incidents, newest first, filtered by ?open=, ?kind= and ?plan=, from ?cursor=
// on.
func (a incidentAPI) listIncidents(w http.ResponseWriter, r *http.Request) {
	limit, ok := pageSize(w, r)
	if !ok {
		return
	}
	plan, err := planParameter(r, a.store)
	if err != nil {
		a.fail(w, r, err)
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
	incidents, err := a.store.Incidents(r.Context(), f)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, view.NewIncidents(incidents, limit))
}

func (a incidentAPI) showIncident(w http.ResponseWriter, r *http.Request) {
	i, err := a.store.Incident(r.Context(), billing.IncidentID(r.PathValue("id")))
	if err != nil {
		a.fail(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, view.NewIncident(i))
}

// closeIncident closes an incident, with an optional note.
func (a incidentAPI) closeIncident(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Note string `json:"note"`
	}
	if r.ContentLength != 0 && !decodeBody(w, r, &body) {
		return
	}
	i, err := a.operator.CloseIncident(r.Context(), billing.IncidentID(r.PathValue("id")), body.Note)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, view.NewIncident(i))
}
