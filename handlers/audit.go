package handlers

import (
	"fmt"
	"net/http"
	"strconv"

	"tranche/internal/billing"
)

// ViewAuditPage returns the JSON of a page of audit entries, newest first. The caller reads one row
// more than limit, which shows whether another page follows.
func ViewAuditPage(entries []billing.AuditEntry, limit int) ListView[AuditView] {
	page, more := cut(entries, limit)
	list := ListView[AuditView]{Object: "list", Data: make([]AuditView, len(page)), HasMore: more}
	for i, e := range page {
		list.Data[i] = ViewAudit(e)
	}
	if more {
		list.Next = strconv.FormatInt(page[limit-1].Seq, 10)
	}
	return list
}

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
	writeJSON(w, http.StatusOK, ViewAuditPage(entries, limit))
}
