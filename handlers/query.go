package handlers

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"tranche/internal/billing"
)

// planParameter returns the id of the plan in ?plan=, which is an id or a reference. It returns the
// name of an unknown plan unchanged, which then matches no row.
func planParameter(r *http.Request, store billing.Store) (billing.PlanID, error) {
	name := r.URL.Query().Get("plan")
	if name == "" {
		return "", nil
	}
	plan, err := billing.FindPlan(r.Context(), store, name)
	if errors.Is(err, billing.ErrNotFound) {
		return billing.PlanID(name), nil
	}
	return plan.ID, err
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
