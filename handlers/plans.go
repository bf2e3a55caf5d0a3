package handlers

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"tranche/internal/billing"
	"tranche/internal/planning"
	"tranche/internal/terms"
	"tranche/internal/view"
)

const (
	maxKeyLength = 255 // as at Stripe
	defaultPage  = 20
	maxPage      = 100
)

// createPlan creates a plan, and the PaymentIntent or SetupIntent that the customer confirms. The
// status is 201, or 200 if an earlier copy of the request created them.
func (s *Server) createPlan(w http.ResponseWriter, r *http.Request) {
	var body struct {
		terms.Terms
		UpdateCustomer bool `json:"update_customer"` // fields of a known customer that differ are updated
	}
	key, ok := keyOf(w, r)
	if !ok || !decodeBody(w, r, &body) {
		return
	}
	created, err := s.Planner.Create(r.Context(), planning.Request{Terms: body.Terms, Key: key, UpdateCustomer: body.UpdateCustomer})
	if err != nil {
		s.fail(w, r, err)
		return
	}
	plan := view.NewCreatedPlan(created)
	w.Header().Set("Location", "/v1/plans/"+string(plan.ID))
	status := http.StatusCreated
	if created.Replayed {
		status = http.StatusOK
	}
	writeJSON(w, status, plan)
}

// showPlan answers with one plan.
func (s *Server) showPlan(w http.ResponseWriter, r *http.Request) {
	details, err := billing.LoadDetails(r.Context(), s.Store, billing.PlanID(r.PathValue("id")))
	if err != nil {
		s.fail(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, view.NewPlan(details))
}

// listPlans lists plans, newest first, filtered by status, customer or reference.
func (s *Server) listPlans(w http.ResponseWriter, r *http.Request) {
	limit, ok := pageSize(w, r)
	if !ok || !checkQuery(w, r, "plan_", billing.PlanStatuses()) {
		return
	}
	plans, err := s.findPlans(r, limit+1)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	details, err := billing.LoadAllDetails(r.Context(), s.Store, plans)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, view.Page(details, limit, view.NewPlan, func(d billing.Details) string { return string(d.Plan.ID) }))
}

func (s *Server) findPlans(r *http.Request, limit int) ([]billing.Plan, error) {
	q := r.URL.Query()
	filter := billing.PlanFilter{Status: billing.PlanStatus(q.Get("status")), Before: billing.PlanID(q.Get("cursor")), Limit: limit}
	if name := q.Get("customer"); name != "" {
		customer, err := billing.FindCustomer(r.Context(), s.Store, name)
		if errors.Is(err, billing.ErrNotFound) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		filter.Customer = customer.ID
	}
	if ref := q.Get("reference"); ref != "" {
		return s.planReferenced(r.Context(), ref, filter)
	}
	return s.Store.Plans(r.Context(), filter)
}

// planReferenced returns the plan with a reference, or none if the filter excludes it.
func (s *Server) planReferenced(ctx context.Context, reference string, f billing.PlanFilter) ([]billing.Plan, error) {
	plan, err := s.Store.PlanByReference(ctx, reference)
	switch {
	case errors.Is(err, billing.ErrNotFound):
		return nil, nil
	case err != nil:
		return nil, err
	case f.Status != "" && plan.Status != f.Status, f.Customer != "" && plan.CustomerID != f.Customer, f.Before != "" && plan.ID >= f.Before:
		return nil, nil
	}
	return []billing.Plan{plan}, nil
}

// planParameter returns the id of the plan in ?plan=, which is an id or a reference. It returns the
// name of an unknown plan unchanged, which then matches no row.
func (s *Server) planParameter(r *http.Request) (billing.PlanID, error) {
	name := r.URL.Query().Get("plan")
	if name == "" {
		return "", nil
	}
	plan, err := billing.FindPlan(r.Context(), s.Store, name)
	if errors.Is(err, billing.ErrNotFound) {
		return billing.PlanID(name), nil
	}
	return plan.ID, err
}

// planAudit lists the audit entries of a plan, oldest first. ?after= is the seq of the last entry
// of the previous page.
func (s *Server) planAudit(w http.ResponseWriter, r *http.Request) {
	plan, err := s.Store.Plan(r.Context(), billing.PlanID(r.PathValue("id")))
	if err != nil {
		s.fail(w, r, err)
		return
	}
	var after int64
	if text := r.URL.Query().Get("after"); text != "" {
		if after, err = strconv.ParseInt(text, 10, 64); err != nil {
			badParameter(w, "after", fmt.Sprintf("%q is not the seq of an entry", text))
			return
		}
	}
	entries, err := s.Store.AuditTrail(r.Context(), billing.AuditFilter{Plan: plan.ID, After: after, Limit: billing.MaxPage})
	if err != nil {
		s.fail(w, r, err)
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

// listNotices lists notices, newest first, filtered by plan, charge or status.
func (s *Server) listNotices(w http.ResponseWriter, r *http.Request) {
	limit, ok := pageSize(w, r)
	if !ok || !checkQuery(w, r, "ntc_", billing.NoticeStatuses()) {
		return
	}
	plan, err := s.planParameter(r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	q := r.URL.Query()
	notices, err := s.Store.Notices(r.Context(), billing.NoticeFilter{
		Plan: plan, Charge: billing.ChargeID(q.Get("charge")),
		Status: billing.NoticeStatus(q.Get("status")), Before: billing.NoticeID(q.Get("cursor")), Limit: limit + 1,
	})
	if err != nil {
		s.fail(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, view.Page(notices, limit, view.NewNotice, func(n billing.Notice) string { return string(n.ID) }))
}

// pageSize reads ?limit=. If it is not a number from 1 to 100, pageSize sends the answer and
// returns false.
func pageSize(w http.ResponseWriter, r *http.Request) (int, bool) {
	text := r.URL.Query().Get("limit")
	if text == "" {
		return defaultPage, true
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > maxPage {
		badParameter(w, "limit", fmt.Sprintf("%q is not a number from 1 to %d", text, maxPage))
		return 0, false
	}
	return n, true
}

// checkQuery checks the cursor and the status, because an empty list would hide a mistake. If
// either is invalid, checkQuery sends the answer and returns false.
func checkQuery[S ~string](w http.ResponseWriter, r *http.Request, prefix string, statuses []S) bool {
	q := r.URL.Query()
	if cursor := q.Get("cursor"); cursor != "" && !strings.HasPrefix(cursor, prefix) {
		badParameter(w, "cursor", fmt.Sprintf("%q is not an id; send the next_cursor of the previous page", cursor))
		return false
	}
	if status := q.Get("status"); status != "" && !slices.Contains(statuses, S(status)) {
		badParameter(w, "status", fmt.Sprintf("%q is none of %v", status, statuses))
		return false
	}
	return true
}

func badParameter(w http.ResponseWriter, name, message string) {
	writeProblem(w, parameterProblem(name, message))
}

func parameterProblem(name, message string) problem {
	return problem{Status: http.StatusBadRequest, Slug: "bad_parameter", Detail: name + ": " + message,
		Fields: []billing.FieldError{{Field: name, Message: message}}}
}
