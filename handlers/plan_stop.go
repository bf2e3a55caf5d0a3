package handlers

import (
	"fmt"
	"net/http"

	"tranche/internal/billing"
	"tranche/internal/operator"
)

// reasonBody is the body of a pause or a write-off. It may be left out.
type reasonBody struct {
	Reason string `json:"reason"`
}

// pausePlan keeps a plan from charging anything.
func (s *Server) pausePlan(w http.ResponseWriter, r *http.Request) {
	body, ok := decodeReason(w, r)
	if !ok {
		return
	}
	plan, err := operator.Pause(r.Context(), s.underRules(), billing.PlanID(r.PathValue("id")), body.Reason, s.Clock.Now())
	s.answerPlan(w, r, plan, err)
}

// resumePlan lets a paused plan collect again.
func (s *Server) resumePlan(w http.ResponseWriter, r *http.Request) {
	body := struct {
		Dates operator.Resumption `json:"dates"`
	}{operator.CatchUp}
	if r.ContentLength != 0 && !decodeBody(w, r, &body) {
		return
	}
	if body.Dates != operator.CatchUp && body.Dates != operator.Shift {
		badParameter(w, "dates", fmt.Sprintf("%q is neither %s nor %s", body.Dates, operator.CatchUp, operator.Shift))
		return
	}
	plan, err := operator.Resume(r.Context(), s.underRules(), billing.PlanID(r.PathValue("id")), body.Dates, s.Clock.Now())
	s.answerPlan(w, r, plan, err)
}

// cancelPlan ends a plan, and gives back what was paid if that is asked for.
func (s *Server) cancelPlan(w http.ResponseWriter, r *http.Request) {
	var body struct {
		reasonBody
		Refund bool `json:"refund"`
	}
	if r.ContentLength != 0 && !decodeBody(w, r, &body) || !checkReason(w, body.Reason) {
		return
	}
	if body.Refund {
		result, err := operator.CancelAndRefund(r.Context(), s.underRules(), billing.PlanID(r.PathValue("id")), body.Reason, s.Clock.Now())
		s.answerPlan(w, r, result.Plan, err)
		return
	}
	plan, err := operator.Cancel(r.Context(), s.underRules(), billing.PlanID(r.PathValue("id")), body.Reason, s.Clock.Now())
	s.answerPlan(w, r, plan, err)
}

func decodeReason(w http.ResponseWriter, r *http.Request) (reasonBody, bool) {
	var body reasonBody
	if r.ContentLength != 0 && !decodeBody(w, r, &body) {
		return body, false
	}
	return body, checkReason(w, body.Reason)
}

// checkReason refuses a reason that is too long, answers itself and returns false.
func checkReason(w http.ResponseWriter, reason string) bool {
	if len(reason) <= operator.MaxReason {
		return true
	}
	badParameter(w, "reason", fmt.Sprintf("is longer than %d bytes", operator.MaxReason))
	return false
}

func (s *Server) answerPlan(w http.ResponseWriter, r *http.Request, plan billing.Plan, err error) {
	if err != nil {
		s.fail(w, r, err)
		return
	}
	details, err := billing.LoadDetails(r.Context(), s.Store, plan.ID)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, ViewPlan(details))
}
