package handlers

import (
	"context"
	"errors"
	"net/http"

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

// planAPI creates, shows and lists plans.
type planAPI struct {
	base
	planner *planning.Planner
}

func (a planAPI) routes(api *router) {
	api.handle("POST /v1/plans", a.createPlan)
	api.handle("GET /v1/plans", a.listPlans, "reference", "customer", "status", "cursor", "limit")
	api.handle("GET /v1/plans/{id}", a.showPlan)
	api.handle("GET /v1/plans/{id}/versions", a.planVersions)
}

// createPlan creates a plan, and the PaymentIntent or SetupIntent that the customer confirms. The
// status is 201, or 200 if an earlier copy of the request created them.
func (a planAPI) createPlan(w http.ResponseWriter, r *http.Request) {
	var body struct {
		terms.Terms
		UpdateCustomer bool `json:"update_customer"` // fields of a known customer that differ are updated
	}
	key, ok := keyOf(w, r)
	if !ok || !decodeBody(w, r, &body) {
		return
	}
	created, err := a.planner.Create(r.Context(), planning.Request{Terms: body.Terms, Key: key, UpdateCustomer: body.UpdateCustomer})
	if err != nil {
		a.fail(w, r, err)
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
func (a planAPI) showPlan(w http.ResponseWriter, r *http.Request) {
	a.writePlan(w, r, billing.PlanID(r.PathValue("id")))
}

// listPlans lists plans, newest first, filtered by status, customer or reference.
func (a planAPI) listPlans(w http.ResponseWriter, r *http.Request) {
	limit, ok := pageSize(w, r)
	if !ok || !checkQuery(w, r, "plan_", billing.PlanStatuses()) {
		return
	}
	plans, err := a.findPlans(r, limit+1)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	details, err := billing.LoadAllDetails(r.Context(), a.store, plans)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, view.Page(details, limit, view.NewPlan, func(d billing.Details) string { return string(d.Plan.ID) }))
}

func (a planAPI) findPlans(r *http.Request, limit int) ([]billing.Plan, error) {
	q := r.URL.Query()
	filter := billing.PlanFilter{Status: billing.PlanStatus(q.Get("status")), Before: billing.PlanID(q.Get("cursor")), Limit: limit}
	if name := q.Get("customer"); name != "" {
		customer, err := billing.FindCustomer(r.Context(), a.store, name)
		if errors.Is(err, billing.ErrNotFound) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		filter.Customer = customer.ID
	}
	if ref := q.Get("reference"); ref != "" {
		return a.planReferenced(r.Context(), ref, filter)
	}
	return a.store.Plans(r.Context(), filter)
}

// planReferenced returns the plan with a reference, or none if the filter excludes it.
func (a planAPI) planReferenced(ctx context.Context, reference string, f billing.PlanFilter) ([]billing.Plan, error) {
	plan, err := a.store.PlanByReference(ctx, reference)
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

// planVersions lists every version of a plan, oldest first.
func (a planAPI) planVersions(w http.ResponseWriter, r *http.Request) {
	versions, err := billing.PlanVersions(r.Context(), a.store, billing.PlanID(r.PathValue("id")))
	if err != nil {
		a.fail(w, r, err)
		return
	}
	list := view.List[view.Version]{Object: "list", Data: make([]view.Version, len(versions))}
	for i, v := range versions {
		list.Data[i] = view.NewVersion(v)
	}
	writeJSON(w, http.StatusOK, list)
}
