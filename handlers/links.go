package handlers

import (
	"errors"
	"net/http"

	"tranche/internal/billing"
	"tranche/internal/recovery"
	"tranche/internal/view"
)

func (s *Server) linkRoutes(api *router) {
	api.handle("POST /v1/charges/{id}/link", s.createChargeLink)
	api.handle("POST /v1/plans/{id}/link", s.createPlanLink)
	api.handle("GET /v1/plans/{id}/links", s.listLinks)
	api.handle("POST /v1/links/{id}/revoke", s.revokeLink)
	api.handle("POST /v1/links/revoke", s.revokeAllLinks)
}

// links returns the service of links. Without a recovery page it sends the answer and returns nil.
func (s *Server) links(w http.ResponseWriter) *recovery.Links {
	if s.Pay == nil {
		writeProblem(w, problem{Status: http.StatusConflict, Slug: "no_recovery_page", Detail: recovery.ErrNoLinks.Error()})
		return nil
	}
	return s.Pay.Links
}

// createChargeLink creates a link for paying a charge. Only the answer holds the URL.
func (s *Server) createChargeLink(w http.ResponseWriter, r *http.Request) {
	charge, err := s.Store.Charge(r.Context(), billing.ChargeID(r.PathValue("id")))
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.createLink(w, r, charge.PlanID, charge.ID)
}

// createPlanLink creates a link for changing a plan's card.
func (s *Server) createPlanLink(w http.ResponseWriter, r *http.Request) {
	s.createLink(w, r, billing.PlanID(r.PathValue("id")), "")
}

func (s *Server) createLink(w http.ResponseWriter, r *http.Request, id billing.PlanID, charge billing.ChargeID) {
	links := s.links(w)
	if links == nil {
		return
	}
	plan, err := s.Store.Plan(r.Context(), id)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	url, link, err := links.Create(r.Context(), plan, charge)
	switch {
	case errors.Is(err, recovery.ErrNoLinks):
		writeProblem(w, problem{Status: http.StatusConflict, Slug: "no_recovery_page", Detail: err.Error()})
	case err != nil:
		s.fail(w, r, err)
	default:
		writeJSON(w, http.StatusCreated, view.NewLink(link, url))
	}
}

// listLinks lists a plan's links, newest first, without their URLs, which are not stored.
func (s *Server) listLinks(w http.ResponseWriter, r *http.Request) {
	plan, err := s.Store.Plan(r.Context(), billing.PlanID(r.PathValue("id")))
	if err != nil {
		s.fail(w, r, err)
		return
	}
	links, err := s.Store.PayLinks(r.Context(), plan.ID)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	list := view.List[view.Link]{Object: "list", Data: make([]view.Link, len(links))}
	for i, l := range links {
		list.Data[i] = view.NewLink(l, "")
	}
	writeJSON(w, http.StatusOK, list)
}

// revokeLink ends a link.
func (s *Server) revokeLink(w http.ResponseWriter, r *http.Request) {
	links := s.links(w)
	if links == nil {
		return
	}
	id := billing.LinkID(r.PathValue("id"))
	if err := links.Revoke(r.Context(), id); err != nil {
		s.fail(w, r, err)
		return
	}
	link, err := s.Store.PayLinkByID(r.Context(), id)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, view.NewLink(link, ""))
}

// revokeAllLinks ends every open link. The body must have "all": true.
func (s *Server) revokeAllLinks(w http.ResponseWriter, r *http.Request) {
	var body struct {
		All    bool `json:"all"`
		DryRun bool `json:"dry_run"`
	}
	if !decodeBody(w, r, &body) {
		return
	}
	links := s.links(w)
	if links == nil {
		return
	}
	if !body.All {
		s.fail(w, r, &billing.InvalidError{Fields: []billing.FieldError{{Field: "all", Message: "is not true: every link of every customer is revoked"}}})
		return
	}
	revoke := links.RevokeAll
	if body.DryRun {
		revoke = links.CountOpen
	}
	n, err := revoke(r.Context())
	if err != nil {
		s.fail(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, view.NewRevoked(n, body.DryRun))
}
