package handlers

import (
	"errors"
	"fmt"
	"net/http"

	"tranche/internal/billing"
	"tranche/internal/operator"
	"tranche/internal/view"
)

// reasonBody is the optional body of a pause or a write-off.
type reasonBody struct {
	Reason string `json:"reason"`
}

// pausePlan stops all charges of a plan until it is resumed.
func (s *Server) pausePlan(w http.ResponseWriter, r *http.Request) {
	var body reasonBody
	on, ok := s.changeOn(w, r, &body)
	if !ok || !checkReason(w, body.Reason) {
		return
	}
	plan, err := on.Pause(r.Context(), billing.PlanID(r.PathValue("id")), body.Reason)
	s.answerPlan(w, r, plan, err)
}

// resumePlan resumes the charges of a paused plan.
func (s *Server) resumePlan(w http.ResponseWriter, r *http.Request) {
	body := struct {
		Dates operator.Resumption `json:"dates"`
		missedBody
	}{Dates: operator.CatchUp}
	on, ok := s.changeOn(w, r, &body)
	if !ok {
		return
	}
	if body.Dates != operator.CatchUp && body.Dates != operator.Shift {
		badParameter(w, "dates", fmt.Sprintf("%q is neither %s nor %s", body.Dates, operator.CatchUp, operator.Shift))
		return
	}
	result, err := on.Resume(r.Context(), billing.PlanID(r.PathValue("id")), body.Dates, body.Missed)
	s.answerPlan(w, r, result.Plan, err)
}

// cancelPlan ends a plan, and refunds its payments if the body has "refund": true.
func (s *Server) cancelPlan(w http.ResponseWriter, r *http.Request) {
	var body struct {
		reasonBody
		Refund bool `json:"refund"`
	}
	on, ok := s.changeOn(w, r, &body)
	if !ok || !checkReason(w, body.Reason) {
		return
	}
	cancel := on.Cancel
	if body.Refund {
		cancel = on.CancelAndRefund
	}
	result, err := cancel(r.Context(), billing.PlanID(r.PathValue("id")), body.Reason)
	s.answerPlan(w, r, result.Plan, err)
}

// checkReason reports whether a reason can be stored. If not, it sends the answer.
func checkReason(w http.ResponseWriter, reason string) bool {
	err := operator.CheckReason("reason", reason)
	if err != nil {
		writeProblem(w, problemOf(err))
	}
	return err == nil
}

func (s *Server) answerPlan(w http.ResponseWriter, r *http.Request, plan billing.Plan, err error) {
	if done, ok := errors.AsType[*operator.DoneError](err); ok {
		s.answerLate(w, r, done.Request)
		return
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	details, err := billing.LoadDetails(r.Context(), s.Store, plan.ID)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, view.NewPlan(details))
}
