package handlers

import (
	"errors"
	"net/http"
	"strings"

	"tranche/internal/billing"
	"tranche/internal/operator"
	"tranche/internal/view"
)

// customerRoutes adds the routes of customers and their cards: see docs/cards.md. A path has a
// customer's id or the merchant's reference, and Tranche's or Stripe's id of a card.
func (s *Server) customerRoutes(api *router) {
	api.handle("GET /v1/customers", s.listCustomers, "reference", "stripe_customer", "cursor", "limit")
	api.handle("GET /v1/customers/{id}", s.showCustomer)
	api.handle("PATCH /v1/customers/{id}", s.updateCustomer)
	api.handle("POST /v1/customers/{id}/erase", s.eraseCustomer)
	api.handle("GET /v1/customers/{id}/cards", s.listCards)
	api.handle("PUT /v1/customers/{id}/cards", s.orderCards)
	api.handle("GET /v1/cards/{id}", s.showCard)
}

// listCustomers lists customers, newest first, filtered by reference or Stripe customer.
func (s *Server) listCustomers(w http.ResponseWriter, r *http.Request) {
	limit, ok := pageSize(w, r)
	if !ok {
		return
	}
	if cursor := r.URL.Query().Get("cursor"); cursor != "" && !strings.HasPrefix(cursor, "cust_") {
		badParameter(w, "cursor", "is not an id; send the next_cursor of the previous page")
		return
	}
	customers, err := s.findCustomers(r, limit+1)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	one := func(c billing.Customer) view.Customer { return view.NewCustomer(c, nil) }
	writeJSON(w, http.StatusOK, view.Page(customers, limit, one, func(c billing.Customer) string { return string(c.ID) }))
}

func (s *Server) findCustomers(r *http.Request, limit int) ([]billing.Customer, error) {
	q := r.URL.Query()
	filter := billing.CustomerFilter{StripeCustomer: q.Get("stripe_customer"), Before: billing.CustomerID(q.Get("cursor")), Limit: limit}
	reference := q.Get("reference")
	if reference == "" {
		return s.Store.ListCustomers(r.Context(), filter)
	}
	one, err := s.Store.CustomerByReference(r.Context(), reference)
	switch {
	case errors.Is(err, billing.ErrNotFound):
		return nil, nil
	case err != nil:
		return nil, err
	case filter.StripeCustomer != "" && one.StripeCustomer != filter.StripeCustomer, filter.Before != "" && one.ID >= filter.Before:
		return nil, nil
	}
	return []billing.Customer{one}, nil
}

// showCustomer answers with a customer, all cards in order, and the open plans.
func (s *Server) showCustomer(w http.ResponseWriter, r *http.Request) {
	if wallet, ok := s.wallet(w, r); ok {
		writeJSON(w, http.StatusOK, view.NewWallet(wallet, s.Clock.Now()))
	}
}

// listCards lists a customer's cards in order. Cards that can't be charged come last.
func (s *Server) listCards(w http.ResponseWriter, r *http.Request) {
	if wallet, ok := s.wallet(w, r); ok {
		cards := view.NewWallet(wallet, s.Clock.Now()).Cards
		writeJSON(w, http.StatusOK, view.List[view.Card]{Object: "list", Data: append([]view.Card{}, cards...)})
	}
}

// wallet reads the customer in the path. If that fails, wallet sends the answer and returns false.
func (s *Server) wallet(w http.ResponseWriter, r *http.Request) (billing.Wallet, bool) {
	customer, err := billing.FindCustomer(r.Context(), s.Store, r.PathValue("id"))
	if err != nil {
		s.fail(w, r, err)
		return billing.Wallet{}, false
	}
	wallet, err := billing.LoadWallet(r.Context(), s.Store, customer, s.Clock.Now())
	if err != nil {
		s.fail(w, r, err)
	}
	return wallet, err == nil
}

func (s *Server) showCard(w http.ResponseWriter, r *http.Request) {
	card, err := billing.FindCard(r.Context(), s.Store, r.PathValue("id"))
	if err != nil {
		s.fail(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, view.NewCard(card))
}

// updateCustomer changes the customer's fields that the body has.
func (s *Server) updateCustomer(w http.ResponseWriter, r *http.Request) {
	var body struct {
		operator.CustomerChange
		DryRun bool `json:"dry_run"`
	}
	if !decodeBody(w, r, &body) {
		return
	}
	customer, err := billing.FindCustomer(r.Context(), s.Store, r.PathValue("id"))
	if err != nil {
		s.fail(w, r, err)
		return
	}
	done, err := s.rehearsedIf(body.DryRun).ChangeCustomer(r.Context(), customer.ID, body.CustomerChange)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, view.NewCustomerUpdate(done, body.DryRun))
}

// rehearsedIf returns the operator, which for a dry run rolls every change back.
func (s *Server) rehearsedIf(dryRun bool) *operator.Operator {
	return s.operator.With(operator.Options{DryRun: dryRun})
}

// orderCards sets the order of the customer's cards.
func (s *Server) orderCards(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Order  []billing.CardID `json:"order"`
		DryRun bool             `json:"dry_run"`
	}
	if !decodeBody(w, r, &body) {
		return
	}
	customer, err := billing.FindCustomer(r.Context(), s.Store, r.PathValue("id"))
	if err != nil {
		s.fail(w, r, err)
		return
	}
	done, err := s.rehearsedIf(body.DryRun).OrderCards(r.Context(), customer.ID, body.Order)
	s.answerCards(w, r, done, body.DryRun, err)
}

func (s *Server) answerCards(w http.ResponseWriter, r *http.Request, done operator.CardChange, dryRun bool, err error) {
	if err != nil {
		s.fail(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, view.NewCardChange(done, dryRun))
}

// changingCard returns a handler that reads the optional body of a change of one card, makes the
// change and answers with the customer's cards.
func (s *Server) changingCard(do operator.CardFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var body struct {
			DryRun bool `json:"dry_run"`
			operator.CardOptions
		}
		if r.ContentLength != 0 && !decodeBody(w, r, &body) {
			return
		}
		if err := operator.CheckReason("note", body.Note); err != nil {
			s.fail(w, r, err)
			return
		}
		done, err := do(r.Context(), s.rehearsedIf(body.DryRun), billing.CardID(r.PathValue("id")), body.CardOptions)
		s.answerCards(w, r, done, body.DryRun, err)
	}
}
