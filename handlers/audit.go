package handlers

import (
	"fmt"
	"net/http"
	"strconv"

	"tranche/internal/billing"
	"tranche/internal/view"
)

// recordAPI lists what happened: audit entries and notices.
type recordAPI struct{ base }

func (a recordAPI) routes(api *router) {
	api.handle("GET /v1/audit", a.listAudit, "actor", "subject", "plan", "cursor", "limit")
	api.handle("GET /v1/plans/{id}/audit", a.planAudit, "after")
	api.handle("GET /v1/notices", a.listNotices, "plan", "charge", "status", "cursor", "limit")
}

// listAudit lists audit entries, newest first, filtered by ?actor=, ?subject= and ?plan=, from
// ?cursor= on.
func (a recordAPI) listAudit(w http.ResponseWriter, r *http.Request) {
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
	f := billing.AuditFilter{
		Plan: plan, Actor: billing.Actor(q.Get("actor")), Subject: q.Get("subject"), NewestFirst: true, Limit: limit + 1,
	}
	if cursor := q.Get("cursor"); cursor != "" {
		if f.Before, err = strconv.ParseInt(cursor, 10, 64); err != nil || f.Before < 1 {
			badParameter(w, "cursor", fmt.Sprintf("%q is not the next_cursor of a page", cursor))
			return
		}
	}
	entries, err := a.store.AuditTrail(r.Context(), f)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, view.NewAuditPage(entries, limit))
}

// planAudit lists the audit entries of a plan, oldest first. ?after= is the seq of the last entry
// of the previous page.
func (a recordAPI) planAudit(w http.ResponseWriter, r *http.Request) {
	plan, err := a.store.Plan(r.Context(), billing.PlanID(r.PathValue("id")))
	if err != nil {
		a.fail(w, r, err)
		return
	}
	var after int64
	if text := r.URL.Query().Get("after"); text != "" {
		if after, err = strconv.ParseInt(text, 10, 64); err != nil {
			badParameter(w, "after", fmt.Sprintf("%q is not the seq of an entry", text))
			return
		}
	}
	entries, err := a.store.AuditTrail(r.Context(), billing.AuditFilter{Plan: plan.ID, After: after, Limit: billing.MaxPage})
	if err != nil {
		a.fail(w, r, err)
		return
	}
	list := view.List[view.Audit]{Object: "list", Data: make([]view.Audit, len(entries)), HasMore: len(entries) == billing.MaxPage}
	for i, e := range entries {
		list.Data[i] = view.NewAudit(e)
	}
	if list.HasMore {
		list.Next = strconv.FormatInt(entries[len(entries)-1].Seq, 10)
	}
	writeJSON(w, http.StatusOK, list)
}
