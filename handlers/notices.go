package handlers

import (
	"net/http"

	"tranche/internal/billing"
	"tranche/internal/view"
)

// listNotices lists notices, newest first, filtered by plan, charge or status.
func (a recordAPI) listNotices(w http.ResponseWriter, r *http.Request) {
	limit, ok := pageSize(w, r)
	if !ok || !checkQuery(w, r, "ntc_", billing.NoticeStatuses()) {
		return
	}
	plan, err := planParameter(r, a.store)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	q := r.URL.Query()
	notices, err := a.store.Notices(r.Context(), billing.NoticeFilter{
		Plan: plan, Charge: billing.ChargeID(q.Get("charge")),
		Status: billing.NoticeStatus(q.Get("status")), Before: billing.NoticeID(q.Get("cursor")), Limit: limit + 1,
	})
	if err != nil {
		a.fail(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, view.Page(notices, limit, view.NewNotice, func(n billing.Notice) string { return string(n.ID) }))
}
