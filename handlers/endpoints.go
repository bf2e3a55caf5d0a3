package handlers

import (
	"net/http"
	"time"

	"tranche/internal/billing"
	"tranche/internal/operator"
	"tranche/internal/view"
)

func (s *Server) webhookRoutes(api *router) {
	api.handle("POST /v1/webhook_endpoints", s.createEndpoint)
	api.handle("GET /v1/webhook_endpoints", s.listEndpoints)
	api.handle("GET /v1/webhook_endpoints/{id}", s.showEndpoint)
	api.handle("PATCH /v1/webhook_endpoints/{id}", s.changeEndpoint)
	api.handle("DELETE /v1/webhook_endpoints/{id}", s.deleteEndpoint)
	api.handle("POST /v1/webhook_endpoints/{id}/rotate", s.rotateEndpoint)
	api.handle("POST /v1/webhook_endpoints/{id}/replay", s.replayEndpoint)
	api.handle("GET /v1/webhook_deliveries", s.listDeliveries, "endpoint", "message", "status", "cursor", "limit")
	api.handle("GET /v1/webhook_deliveries/{id}", s.showDelivery)
	api.handle("POST /v1/webhook_deliveries/{id}/replay", s.replayDelivery)
}

// createEndpoint adds an endpoint. Only this answer holds its secret.
func (s *Server) createEndpoint(w http.ResponseWriter, r *http.Request) {
	var body struct {
		URL   string   `json:"url"`
		Types []string `json:"types"`
	}
	if !decodeBody(w, r, &body) {
		return
	}
	e, secret, err := s.Endpoints.Add(r.Context(), body.URL, body.Types)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	w.Header().Set("Location", "/v1/webhook_endpoints/"+string(e.ID))
	s.writeSecret(w, http.StatusCreated, e, secret)
}

// rotateEndpoint creates a new secret for an endpoint. Only this answer holds it.
func (s *Server) rotateEndpoint(w http.ResponseWriter, r *http.Request) {
	e, secret, err := s.Endpoints.Rotate(r.Context(), endpointID(r))
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.writeSecret(w, http.StatusOK, e, secret)
}

func (s *Server) writeSecret(w http.ResponseWriter, status int, e billing.Endpoint, secret billing.Secret) {
	v := view.NewEndpoint(e, s.Clock.Now())
	v.Secret = secret.Reveal()
	writeJSON(w, status, v)
}

// listEndpoints lists all endpoints on one page, because there are few.
func (s *Server) listEndpoints(w http.ResponseWriter, r *http.Request) {
	endpoints, err := s.Endpoints.Store.Endpoints(r.Context())
	if err != nil {
		s.fail(w, r, err)
		return
	}
	list := view.List[view.Endpoint]{Object: "list", Data: make([]view.Endpoint, len(endpoints))}
	for i, e := range endpoints {
		list.Data[i] = view.NewEndpoint(e, s.Clock.Now())
	}
	writeJSON(w, http.StatusOK, list)
}

func (s *Server) showEndpoint(w http.ResponseWriter, r *http.Request) {
	e, err := s.Endpoints.Store.Endpoint(r.Context(), endpointID(r))
	s.answerEndpoint(w, r, e, err)
}

// changeEndpoint changes the endpoint's fields that the body has.
func (s *Server) changeEndpoint(w http.ResponseWriter, r *http.Request) {
	var body struct {
		URL    *string                 `json:"url"`
		Types  *billing.TypeFilter     `json:"types"`
		Status *billing.EndpointStatus `json:"status"`
	}
	if !decodeBody(w, r, &body) {
		return
	}
	e, err := s.Endpoints.Change(r.Context(), endpointID(r), operator.EndpointChange(body))
	s.answerEndpoint(w, r, e, err)
}

func (s *Server) answerEndpoint(w http.ResponseWriter, r *http.Request, e billing.Endpoint, err error) {
	if err != nil {
		s.fail(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, view.NewEndpoint(e, s.Clock.Now()))
}

// deleteEndpoint deletes an endpoint and its deliveries.
func (s *Server) deleteEndpoint(w http.ResponseWriter, r *http.Request) {
	if err := s.Endpoints.Delete(r.Context(), endpointID(r)); err != nil {
		s.fail(w, r, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// replayEndpoint resends the messages since a time that an endpoint has not accepted.
func (s *Server) replayEndpoint(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Since     time.Time `json:"since"`
		Delivered bool      `json:"delivered"`
	}
	if !decodeBody(w, r, &body) {
		return
	}
	if body.Since.IsZero() {
		s.fail(w, r, &billing.InvalidError{Fields: []billing.FieldError{{Field: "since", Message: "is missing: an RFC 3339 time, such as 2026-05-01T00:00:00Z"}}})
		return
	}
	n, err := s.Endpoints.ReplaySince(r.Context(), endpointID(r), body.Since, body.Delivered)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	writeJSON(w, http.StatusAccepted, map[string]int{"replayed": n})
}

// listDeliveries lists deliveries, newest first, filtered by endpoint, message or status.
func (s *Server) listDeliveries(w http.ResponseWriter, r *http.Request) {
	limit, ok := pageSize(w, r)
	if !ok || !checkQuery(w, r, "dlv_", billing.DeliveryStatuses()) {
		return
	}
	q := r.URL.Query()
	deliveries, err := s.Endpoints.Store.Deliveries(r.Context(), billing.DeliveryFilter{
		Endpoint: billing.EndpointID(q.Get("endpoint")), Message: billing.MessageID(q.Get("message")),
		Status: billing.DeliveryStatus(q.Get("status")), Before: billing.DeliveryID(q.Get("cursor")), Limit: limit + 1,
	})
	if err != nil {
		s.fail(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, view.Page(deliveries, limit, view.NewDelivery, func(d billing.WebhookDelivery) string { return string(d.ID) }))
}

// showDelivery answers with one delivery and its message.
func (s *Server) showDelivery(w http.ResponseWriter, r *http.Request) {
	o, err := s.Endpoints.Store.Outgoing(r.Context(), deliveryID(r))
	if err != nil {
		s.fail(w, r, err)
		return
	}
	v := view.NewDelivery(o.Delivery)
	v.Payload = o.Message.Payload
	writeJSON(w, http.StatusOK, v)
}

// replayDelivery resends one delivery.
func (s *Server) replayDelivery(w http.ResponseWriter, r *http.Request) {
	d, err := s.Endpoints.Replay(r.Context(), deliveryID(r))
	if err != nil {
		s.fail(w, r, err)
		return
	}
	writeJSON(w, http.StatusAccepted, view.NewDelivery(d))
}

func endpointID(r *http.Request) billing.EndpointID { return billing.EndpointID(r.PathValue("id")) }

func deliveryID(r *http.Request) billing.DeliveryID { return billing.DeliveryID(r.PathValue("id")) }
