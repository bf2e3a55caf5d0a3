package handlers

import (
	"errors"
	"net/http"

	"tranche/internal/billing"
	"tranche/internal/recovery"
	"tranche/internal/view"
)

// linkAPI creates, lists and revokes links to the recovery page.
type linkAPI struct {
	base
	pay *PayPage // nil without a recovery page
}

func (a linkAPI) routes(api *router) {
	api.handle("POST /v1/charges/{id}/link", a.createChargeLink)
	api.handle("POST /v1/plans/{id}/link", a.createPlanLink)
	api.handle("GET /v1/plans/{id}/links", a.listLinks)
	api.handle("POST /v1/links/{id}/revoke", a.revokeLink)
	api.handle("POST /v1/links/revoke", a.revokeAllLinks)
}

// links returns the service of links. Without a recovery page it sends the answer and returns nil.
func (a linkAPI) links(w http.ResponseWriter) *recovery.Links {
	if a.pay == nil {
		writeProblem(w, problem{Status: http.StatusConflict, Slug: "no_recovery_page", Detail: recovery.ErrNoLinks.Error()})
		return nil
	}
	return a.pay.Links
}

// createChargeLink creates a link for paying a charge. Only the answer holds the URL.
func (a linkAPI) createChargeLink(w http.ResponseWriter, r *http.Request) {
	charge, err := a.store.Charge(r.Context(), billing.ChargeID(r.PathValue("id")))
	if err != nil {
		a.fail(w, r, err)
		return
	}
	a.createLink(w, r, charge.PlanID, charge.ID)
}

// createPlanLink creates a link for changing a plan's card.
func (a linkAPI) createPlanLink(w http.ResponseWriter, r *http.Request) {
	a.createLink(w, r, billing.PlanID(r.PathValue("id")), "")
}

func (a linkAPI) createLink(w http.ResponseWriter, r *http.Request, id billing.PlanID, charge billing.ChargeID) {
	links := a.links(w)
	if links == nil {
		return
	}
	plan, err := a.store.Plan(r.Context(), id)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	url, link, err := links.Create(r.Context(), plan, charge)
	switch {
	case errors.Is(err, recovery.ErrNoLinks):
		writeProblem(w, problem{Status: http.StatusConflict, Slug: "no_recovery_page", Detail: err.Error()})
	case err != nil:
		a.fail(w, r, err)
	default:
		writeJSON(w, http.StatusCreated, view.NewLink(link, url))
	}
}

// listLinks lists a plan's links, newest first, without their URLs, which are not stored.
func (a linkAPI) listLinks(w http.ResponseWriter, r *http.Request) {
	plan, err := a.store.Plan(r.Context(), billing.PlanID(r.PathValue("id")))
	if err != nil {
		a.fail(w, r, err)
		return
	}
	links, err := a.store.PayLinks(r.Context(), plan.ID)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	list := view.List[view.Link]{Object: "list", Data: make([]view.Link, len(links))}
	for i, l := range links {
		list.Data[i] = view.NewLink(l, "")
	}
	writeJSON(w, http.StatusOK, list)
}

// revokeLink ends a link.
func (a linkAPI) revokeLink(w http.ResponseWriter, r *http.Request) {
	links := a.links(w)
	if links == nil {
		return
	}
	id := billing.LinkID(r.PathValue("id"))
	if err := links.Revoke(r.Context(), id); err != nil {
		a.fail(w, r, err)
		return
	}
	link, err := a.store.PayLinkByID(r.Context(), id)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, view.NewLink(link, ""))
}

// revokeAllLinks ends every open link. The body must have "all": true.
func (a linkAPI) revokeAllLinks(w http.ResponseWriter, r *http.Request) {
	var body struct {
		All    bool `json:"all"`
		DryRun bool `json:"dry_run"`
	}
	if !decodeBody(w, r, &body) {
		return
	}
	links := a.links(w)
	if links == nil {
		return
	}
	if !body.All {
		a.fail(w, r, &billing.InvalidError{Fields: []billing.FieldError{{Field: "all", Message: "is not true: every link of every customer is revoked"}}})
		return
	}
	revoke := links.RevokeAll
	if body.DryRun {
		revoke = links.CountOpen
	}
	n, err := revoke(r.Context())
	if err != nil {
		a.fail(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, view.NewRevoked(n, body.DryRun))
}
