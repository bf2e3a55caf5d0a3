package handlers

import (
	"net/http"

	"github.com/rs/zerolog"

	"tranche/internal/billing"
	"tranche/internal/clock"
	"tranche/internal/view"
)

// base is what the routes of Stripe's webhook and of the merchant's API share.
type base struct {
	store billing.Store
	clock clock.Clock
	log   zerolog.Logger
}

// fail answers with an error.
func (b base) fail(w http.ResponseWriter, r *http.Request, err error) {
	p := problemOf(err)
	if p.Status >= http.StatusInternalServerError {
		b.log.Error().Err(err).Str("method", r.Method).Str("path", withoutSecrets(r.URL.Path)).Int("status", p.Status).Msg("request failed")
	}
	writeProblem(w, p)
}

// writePlan answers with a plan as it is stored now.
func (b base) writePlan(w http.ResponseWriter, r *http.Request, id billing.PlanID) {
	details, err := billing.LoadDetails(r.Context(), b.store, id)
	if err != nil {
		b.fail(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, view.NewPlan(details))
}

// planNamed replaces the plan's reference in the path by the plan's id.
func (b base) planNamed(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		plan, err := billing.FindPlan(r.Context(), b.store, r.PathValue("id"))
		if err != nil {
			b.fail(w, r, err)
			return
		}
		r.SetPathValue("id", string(plan.ID))
		next(w, r)
	}
}
