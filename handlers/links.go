package handlers

import (
	"errors"
	"net/http"
	"time"

	"tranche/internal/billing"
	"tranche/internal/recovery"
)

// LinkView is the JSON of a link to the recovery page.
type LinkView struct {
	ID        billing.LinkID   `json:"id"`
	Object    string           `json:"object"` // pay_link
	URL       string           `json:"url,omitempty"`
	Plan      billing.PlanID   `json:"plan"`
	Charge    billing.ChargeID `json:"charge,omitempty"` // empty: the link is for the plan's card
	Notice    billing.NoticeID `json:"notice,omitempty"` // the mail that holds it
	CreatedAt time.Time        `json:"created_at"`
	ExpiresAt time.Time        `json:"expires_at"`
	RevokedAt *time.Time       `json:"revoked_at,omitempty"`
}

// ViewLink returns the JSON of a link. Its URL is known only when the link is created.
func ViewLink(l billing.PayLink, url string) LinkView {
	v := LinkView{
		ID: l.ID, Object: "pay_link", URL: url, Plan: l.PlanID, Charge: l.ChargeID, Notice: l.NoticeID,
		CreatedAt: l.CreatedAt, ExpiresAt: l.ExpiresAt,
	}
	if !l.RevokedAt.IsZero() {
		v.RevokedAt = &l.RevokedAt
	}
	return v
}

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
		writeJSON(w, http.StatusCreated, ViewLink(link, url))
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
	list := ListView[LinkView]{Object: "list", Data: make([]LinkView, len(links))}
	for i, l := range links {
		list.Data[i] = ViewLink(l, "")
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
	writeJSON(w, http.StatusOK, ViewLink(link, ""))
}

// RevokedView is the JSON of the revocation of all links.
type RevokedView struct {
	Object  string `json:"object"` // revoked_links
	Revoked int    `json:"revoked"`
	DryRun  bool   `json:"dry_run,omitempty"` // nothing was revoked
}

// ViewRevoked returns the JSON of the number of revoked links.
func ViewRevoked(n int, dryRun bool) RevokedView {
	return RevokedView{Object: "revoked_links", Revoked: n, DryRun: dryRun}
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
	writeJSON(w, http.StatusOK, ViewRevoked(n, body.DryRun))
}
