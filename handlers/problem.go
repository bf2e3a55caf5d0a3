package handlers

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"tranche/internal/billing"
	"tranche/internal/operator"
	"tranche/internal/planning"
	"tranche/internal/stripecustomer"
	"tranche/internal/stripekey"
)

// problem is an error answer in the form of RFC 9457.
type problem struct {
	Status int
	Slug   string // the kind of problem, for programs
	Detail string // the problem and the fix, for people
	Fields []billing.FieldError
	PlanID billing.PlanID
	Retry  int  // seconds to wait before a retry; 0 if a retry is useless
	Close  bool // closes the connection, so that net/http does not read the rest of the body
}

func writeProblem(w http.ResponseWriter, p problem) {
	body := struct {
		Type   string               `json:"type"`
		Title  string               `json:"title"`
		Status int                  `json:"status"`
		Detail string               `json:"detail,omitempty"`
		Code   string               `json:"code"`
		Errors []billing.FieldError `json:"errors,omitempty"`
		Plan   billing.PlanID       `json:"plan,omitempty"`
	}{"urn:tranche:problem:" + p.Slug, http.StatusText(p.Status), p.Status, withoutSecrets(p.Detail), p.Slug, p.Fields, p.PlanID}
	w.Header().Set("Content-Type", "application/problem+json")
	if p.Retry > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(p.Retry))
	}
	if p.Close {
		w.Header().Set("Connection", "close")
	}
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(body) // the client is gone when this fails
}

// retryAfter is the value of Retry-After, in seconds, while a service is unavailable.
const retryAfter = 5

// waitSeconds returns a wait in whole seconds, for Retry-After.
func waitSeconds(wait time.Duration) int { return int(wait/time.Second) + 1 }

// problemOf returns the problem that the merchant sees for an error. An error of any other kind is
// internal: its text is logged and not shown.
func problemOf(err error) problem {
	var invalid *billing.InvalidError
	var taken *planning.ReferenceTakenError
	var gateway *billing.GatewayError
	if p, ok := refusalOf(err); ok {
		return p
	}
	switch {
	case errors.As(err, &invalid):
		return problem{Status: http.StatusUnprocessableEntity, Slug: "invalid_request", Detail: invalid.Error(), Fields: invalid.Fields}
	case errors.As(err, &taken):
		return problem{Status: http.StatusConflict, Slug: "reference_taken", Detail: taken.Error(), PlanID: taken.PlanID,
			Fields: []billing.FieldError{{Field: "reference", Message: "belongs to another plan"}}}
	case errors.Is(err, billing.ErrConflict):
		return problem{Status: http.StatusConflict, Slug: "conflict", Detail: "the object was changed by another request at the same time; read it again, then repeat the request"}
	case errors.Is(err, planning.ErrKeyReused):
		return problem{Status: http.StatusUnprocessableEntity, Slug: "idempotency_key_reused", Detail: err.Error()}
	case errors.As(err, &gateway):
		return gatewayProblem(gateway)
	case errors.Is(err, stripecustomer.ErrElsewhere):
		return problem{Status: http.StatusServiceUnavailable, Slug: "unavailable", Retry: retryAfter,
			Detail: "the key's Stripe account has neither the customer nor the customer's card; check STRIPE_SECRET_KEY with tranche doctor, and send the same request again"}
	case errors.Is(err, billing.ErrNotFound):
		return problem{Status: http.StatusNotFound, Slug: "not_found", Detail: err.Error()}
	case errors.Is(err, billing.ErrUnavailable):
		return problem{Status: http.StatusServiceUnavailable, Slug: "unavailable", Detail: "the database is unavailable; send the same request again", Retry: retryAfter}
	}
	return problem{Status: http.StatusInternalServerError, Slug: "internal", Detail: "internal error; Tranche's log has the details"}
}

// gatewayProblem returns the problem of a failed call to Stripe. If the key is at fault, no retry
// can succeed until the merchant fixes the key.
func gatewayProblem(e *billing.GatewayError) problem {
	switch {
	case e.Permission != "":
		return problem{Status: http.StatusBadGateway, Slug: "stripe_permission",
			Detail: "the Stripe key lacks the permission " + e.Permission + ", and every such request fails until it has it: " + stripekey.Remedy + ": " + e.Error()}
	case e.Kind == billing.GatewayUnauthorized:
		return problem{Status: http.StatusBadGateway, Slug: "stripe_unauthorized",
			Detail: "Stripe refuses the key, and every such request fails until that is fixed; see STRIPE_SECRET_KEY and tranche doctor: " + e.Error()}
	case e.Resend():
		return problem{Status: http.StatusServiceUnavailable, Slug: "stripe_unavailable", Retry: retryAfter,
			Detail: "Stripe gave no usable answer; send the same request again: " + e.Error()}
	}
	return problem{Status: http.StatusBadGateway, Slug: "stripe_refused",
		Detail: "Stripe refused, and nothing was stored: " + e.Error()}
}

func parameterProblem(name, message string) problem {
	return problem{Status: http.StatusBadRequest, Slug: "bad_parameter", Detail: name + ": " + message,
		Fields: []billing.FieldError{{Field: name, Message: message}}}
}

// refusalOf returns the problem of an operation that is refused in the current state, or that was
// given an unknown choice.
func refusalOf(err error) (problem, bool) {
	var choice *operator.ChoiceError
	var refused *operator.RefusedError
	var disabled *operator.EndpointDisabledError
	var notSetUp *operator.NotSetUpError
	switch {
	case errors.As(err, &choice):
		return parameterProblem(choice.Field, choice.Message), true
	case errors.As(err, &refused):
		return problem{Status: http.StatusConflict, Slug: "refused", Detail: refused.Error()}, true
	case errors.As(err, &disabled):
		return problem{Status: http.StatusConflict, Slug: "endpoint_disabled", Detail: disabled.Error()}, true
	case errors.As(err, &notSetUp):
		return problem{Status: http.StatusConflict, Slug: "not_set_up", Detail: notSetUp.Error()}, true
	}
	return problem{}, false
}
