package handlers

import (
	"context"
	"errors"
	"net/http"
	"time"

	"tranche/internal/billing"
	"tranche/internal/operator"
)

// customerRoutes are what is known of customers and their cards. A path names a customer by id or by the merchant's reference.
func (s *Server) customerRoutes(api *http.ServeMux) {
	api.HandleFunc("GET /v1/customers", s.listCustomers)
	api.HandleFunc("GET /v1/customers/{id}", s.showCustomer)
	api.HandleFunc("PATCH /v1/customers/{id}", s.updateCustomer)
	api.HandleFunc("GET /v1/customers/{id}/cards", s.listCards)
	api.HandleFunc("PUT /v1/customers/{id}/cards", s.orderCards)
	api.HandleFunc("POST /v1/customers/{id}/erase", s.eraseCustomer)
	api.HandleFunc("POST /v1/cards/{id}/default", s.changeCard(operator.DefaultCard))
	api.HandleFunc("POST /v1/cards/{id}/release", s.changeCard(operator.ReleaseCard))
	api.HandleFunc("POST /v1/cards/{id}/remove", s.changeCard(operator.RemoveCard))
}

// customer finds the one that the path names.
func (s *Server) customer(r *http.Request) (billing.Customer, error) {
	customer, err := s.Store.Customer(r.Context(), billing.CustomerID(r.PathValue("id")))
	if errors.Is(err, billing.ErrNotFound) {
		return s.Store.CustomerByReference(r.Context(), r.PathValue("id"))
	}
	return customer, err
}

// listCustomers lists customers, newest first.
func (s *Server) listCustomers(w http.ResponseWriter, r *http.Request) {
	limit, ok := pageSize(w, r)
	if !ok || !checkQuery[string](w, r, "cust_", nil) {
		return
	}
	customers, err := s.Store.ListCustomers(r.Context(), billing.CustomerFilter{Before: billing.CustomerID(r.URL.Query().Get("before")), Limit: limit + 1})
	if err != nil {
		s.fail(w, r, err)
		return
	}
	page, more := cut(customers, limit)
	list := ListView[CustomerView]{Object: "list", Data: make([]CustomerView, len(page)), HasMore: more}
	for i, c := range page {
		list.Data[i] = ViewCustomer(c, nil)
	}
	if more {
		list.Next = string(page[limit-1].ID)
	}
	writeJSON(w, http.StatusOK, list)
}

// showCustomer shows one customer, with their cards.
func (s *Server) showCustomer(w http.ResponseWriter, r *http.Request) {
	customer, err := s.customer(r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.answerCustomer(w, r, customer)
}

func (s *Server) answerCustomer(w http.ResponseWriter, r *http.Request, customer billing.Customer) {
	cards, err := s.Store.Cards(r.Context(), customer.ID)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, ViewCustomer(customer, cards))
}

// updateCustomer changes what is known of a customer; a time zone moves what is to come.
func (s *Server) updateCustomer(w http.ResponseWriter, r *http.Request) {
	var body billing.CustomerChange
	if !decodeBody(w, r, &body) {
		return
	}
	customer, err := s.customer(r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	done, err := operator.UpdateCustomer(r.Context(), s.underRules(), customer.ID, body, s.Clock.Now())
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.answerCustomer(w, r, done.Customer)
}

// listCards lists a customer's cards, oldest first.
func (s *Server) listCards(w http.ResponseWriter, r *http.Request) {
	customer, err := s.customer(r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	cards, err := s.Store.Cards(r.Context(), customer.ID)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, ViewCards(cards))
}

type orderBody struct {
	Order []billing.CardID `json:"order"`
}

// orderCards puts a customer's cards in order.
func (s *Server) orderCards(w http.ResponseWriter, r *http.Request) {
	var body orderBody
	if !decodeBody(w, r, &body) {
		return
	}
	customer, err := s.customer(r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	done, err := operator.OrderCards(r.Context(), s.Store, customer.ID, body.Order, s.Clock.Now())
	s.answerCards(w, r, done, err)
}

// changeCard does something to one card.
func (s *Server) changeCard(do func(ctx context.Context, s operator.Store, id billing.CardID, now time.Time) (operator.CardResult, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		done, err := do(r.Context(), s.underRules(), billing.CardID(r.PathValue("id")), s.Clock.Now())
		s.answerCards(w, r, done, err)
	}
}

func (s *Server) answerCards(w http.ResponseWriter, r *http.Request, done operator.CardResult, err error) {
	if err != nil {
		s.fail(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, ViewCards(done.Cards))
}
