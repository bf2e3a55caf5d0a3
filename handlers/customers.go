package handlers

import (
	"errors"
	"net/http"
	"strings"

	"tranche/internal/billing"
	"tranche/internal/operator"
	"tranche/internal/view"
)

// customerAPI shows and changes customers and their cards: see docs/cards.md. A path has a
// customer's id or the merchant's reference, and Tranche's or Stripe's id of a card.
type customerAPI struct {
	base
	operator *operator.Operator
}

func (a customerAPI) routes(api *router) {
	api.handle("GET /v1/customers", a.listCustomers, "reference", "stripe_customer", "cursor", "limit")
	api.handle("GET /v1/customers/{id}", a.showCustomer)
	api.handle("PATCH /v1/customers/{id}", a.updateCustomer)
	api.handle("POST /v1/customers/{id}/erase", a.eraseCustomer)
	api.handle("GET /v1/customers/{id}/cards", a.listCards)
	api.handle("PUT /v1/customers/{id}/cards", a.orderCards)
	api.handle("GET /v1/cards/{id}", a.showCard)
	for _, spec := range operator.Operations() {
		if spec.Card != nil && !spec.Variant() {
			api.handle(spec.Route, a.changingCard(spec.Card))
		}
	}
}

// listCustomers lists customers, newest first, filtered by reference or Stripe customer.
func (a customerAPI) listCustomers(w http.ResponseWriter, r *http.Request) {
	limit, ok := pageSize(w, r)
	if !ok {
		return
	}
	if cursor := r.URL.Query().Get("cursor"); cursor != "" && !strings.HasPrefix(cursor, "cust_") {
		badParameter(w, "cursor", "is not an id; send the next_cursor of the previous page")
		return
	}
	customers, err := a.findCustomers(r, limit+1)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	one := func(c billing.Customer) view.Customer { return view.NewCustomer(c, nil) }
	writeJSON(w, http.StatusOK, view.Page(customers, limit, one, func(c billing.Customer) string { return string(c.ID) }))
}

func (a customerAPI) findCustomers(r *http.Request, limit int) ([]billing.Customer, error) {
	q := r.URL.Query()
	filter := billing.CustomerFilter{StripeCustomer: q.Get("stripe_customer"), Before: billing.CustomerID(q.Get("cursor")), Limit: limit}
	reference := q.Get("reference")
	if reference == "" {
		return a.store.ListCustomers(r.Context(), filter)
	}
	one, err := a.store.CustomerByReference(r.Context(), reference)
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
func (a customerAPI) showCustomer(w http.ResponseWriter, r *http.Request) {
	if wallet, ok := a.wallet(w, r); ok {
		writeJSON(w, http.StatusOK, view.NewWallet(wallet, a.clock.Now()))
	}
}

// listCards lists a customer's cards in order. Cards that can't be charged come last.
func (a customerAPI) listCards(w http.ResponseWriter, r *http.Request) {
	if wallet, ok := a.wallet(w, r); ok {
		cards := view.NewWallet(wallet, a.clock.Now()).Cards
		writeJSON(w, http.StatusOK, view.List[view.Card]{Object: "list", Data: append([]view.Card{}, cards...)})
	}
}

// wallet reads the customer in the path. If that fails, wallet sends the answer and returns false.
func (a customerAPI) wallet(w http.ResponseWriter, r *http.Request) (billing.Wallet, bool) {
	customer, err := billing.FindCustomer(r.Context(), a.store, r.PathValue("id"))
	if err != nil {
		a.fail(w, r, err)
		return billing.Wallet{}, false
	}
	wallet, err := billing.LoadWallet(r.Context(), a.store, customer, a.clock.Now())
	if err != nil {
		a.fail(w, r, err)
	}
	return wallet, err == nil
}

func (a customerAPI) showCard(w http.ResponseWriter, r *http.Request) {
	card, err := billing.FindCard(r.Context(), a.store, r.PathValue("id"))
	if err != nil {
		a.fail(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, view.NewCard(card))
}

// updateCustomer changes the customer's fields that the body has.
func (a customerAPI) updateCustomer(w http.ResponseWriter, r *http.Request) {
	var body struct {
		operator.CustomerChange
		DryRun bool `json:"dry_run"`
	}
	if !decodeBody(w, r, &body) {
		return
	}
	customer, err := billing.FindCustomer(r.Context(), a.store, r.PathValue("id"))
	if err != nil {
		a.fail(w, r, err)
		return
	}
	done, err := a.rehearsedIf(body.DryRun).ChangeCustomer(r.Context(), customer.ID, body.CustomerChange)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, view.NewCustomerUpdate(done, body.DryRun))
}

// rehearsedIf returns the operator, which for a dry run rolls every change back.
func (a customerAPI) rehearsedIf(dryRun bool) *operator.Operator {
	return a.operator.With(operator.Options{DryRun: dryRun})
}

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

// orderCards sets the order of the customer's cards.
func (a customerAPI) orderCards(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Order  []billing.CardID `json:"order"`
		DryRun bool             `json:"dry_run"`
	}
	if !decodeBody(w, r, &body) {
		return
	}
	customer, err := billing.FindCustomer(r.Context(), a.store, r.PathValue("id"))
	if err != nil {
		a.fail(w, r, err)
		return
	}
	done, err := a.rehearsedIf(body.DryRun).OrderCards(r.Context(), customer.ID, body.Order)
	a.answerCards(w, r, done, body.DryRun, err)
}

func (a customerAPI) answerCards(w http.ResponseWriter, r *http.Request, done operator.CardChange, dryRun bool, err error) {
	if err != nil {
		a.fail(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, view.NewCardChange(done, dryRun))
}

// changingCard returns a handler that reads the optional body of a change of one card, makes the
// change and answers with the customer's cards.
func (a customerAPI) changingCard(do operator.CardFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var body struct {
			DryRun bool `json:"dry_run"`
			operator.CardOptions
		}
		if r.ContentLength != 0 && !decodeBody(w, r, &body) {
			return
		}
		if err := operator.CheckReason("note", body.Note); err != nil {
			a.fail(w, r, err)
			return
		}
		done, err := do(r.Context(), a.rehearsedIf(body.DryRun), billing.CardID(r.PathValue("id")), body.CardOptions)
		a.answerCards(w, r, done, body.DryRun, err)
	}
}
