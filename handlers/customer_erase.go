package handlers

import (
	"net/http"

	"tranche/internal/billing"
	"tranche/internal/view"
)

type eraseBody struct {
	DryRun bool `json:"dry_run"`
}

// eraseCustomer removes a customer's personal data. The path has the customer's id or the
// merchant's reference.
func (a customerAPI) eraseCustomer(w http.ResponseWriter, r *http.Request) {
	var body eraseBody
	if r.ContentLength != 0 && !decodeBody(w, r, &body) {
		return
	}
	customer, err := billing.FindCustomer(r.Context(), a.store, r.PathValue("id"))
	if err != nil {
		a.fail(w, r, err)
		return
	}
	done, err := a.rehearsedIf(body.DryRun).ErasePersonalData(r.Context(), customer.ID)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, view.NewErasure(done, body.DryRun))
}
