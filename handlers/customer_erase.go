package handlers

import (
	"net/http"
	"time"

	"tranche/internal/billing"
	"tranche/internal/operator"
)

// ErasureView is the JSON of an erasure: the customer and the numbers of changed rows.
type ErasureView struct {
	Object   string             `json:"object"`
	Customer billing.CustomerID `json:"customer"`
	ErasedAt time.Time          `json:"erased_at"`
	DryRun   bool               `json:"dry_run,omitempty"` // nothing was removed
	Erased   billing.Erased     `json:"erased"`
}

// ViewErasure returns the JSON of an erasure.
func ViewErasure(e operator.Erasure, dryRun bool) ErasureView {
	return ErasureView{Object: "erasure", Customer: e.Customer.ID, ErasedAt: e.Customer.ErasedAt, DryRun: dryRun, Erased: e.Erased}
}

type eraseBody struct {
	DryRun bool `json:"dry_run"`
}

// eraseCustomer removes a customer's personal data. The path has the customer's id or the
// merchant's reference.
func (s *Server) eraseCustomer(w http.ResponseWriter, r *http.Request) {
	var body eraseBody
	if r.ContentLength != 0 && !decodeBody(w, r, &body) {
		return
	}
	customer, err := billing.FindCustomer(r.Context(), s.Store, r.PathValue("id"))
	if err != nil {
		s.fail(w, r, err)
		return
	}
	var to operator.Store = s.Store
	if body.DryRun {
		to = operator.Rehearse(s.Store)
	}
	done, err := operator.EraseCustomer(r.Context(), to, customer.ID, s.Clock.Now())
	if err != nil {
		s.fail(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, ViewErasure(done, body.DryRun))
}
