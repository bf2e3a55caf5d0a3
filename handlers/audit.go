package handlers

import (
	"fmt"
	"net/http"
	"strconv"

	"tranche/internal/billing"
	"tranche/internal/view"
)

// listAudit lists audit entries, newest first, filtered by ?actor=, ?subject= and ?plan=, from
// ?cursor= on.
func (s *Server) listAudit(w http.ResponseWriter, r *http.Request) {
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
	f := billing.AuditFilter{
		Plan: plan, Actor: billing.Actor(q.Get("actor")), Subject: q.Get("subject"), NewestFirst: true, Limit: limit + 1,
	}
	if cursor := q.Get("cursor"); cursor != "" {
		if f.Before, err = strconv.ParseInt(cursor, 10, 64); err != nil || f.Before < 1 {
			badParameter(w, "cursor", fmt.Sprintf("%q is not the next_cursor of a page", cursor))
			return
		}
	}
	entries, err := s.Store.AuditTrail(r.Context(), f)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, view.NewAuditPage(entries, limit))
}
