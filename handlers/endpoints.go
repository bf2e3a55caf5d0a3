package handlers

import (
	"net/http"
	"time"

	"tranche/internal/billing"
	"tranche/internal/operator"
	"tranche/internal/view"
)

// endpointAPI manages the merchant's endpoints and the deliveries to them.
type endpointAPI struct {
	base
	endpoints *operator.Endpoints
}

func (a endpointAPI) routes(api *router) {
	api.handle("POST /v1/webhook_endpoints", a.createEndpoint)
	api.handle("GET /v1/webhook_endpoints", a.listEndpoints)
	api.handle("GET /v1/webhook_endpoints/{id}", a.showEndpoint)
	api.handle("PATCH /v1/webhook_endpoints/{id}", a.changeEndpoint)
	api.handle("DELETE /v1/webhook_endpoints/{id}", a.deleteEndpoint)
	api.handle("POST /v1/webhook_endpoints/{id}/rotate", a.rotateEndpoint)
	api.handle("POST /v1/webhook_endpoints/{id}/replay", a.replayEndpoint)
	api.handle("GET /v1/webhook_deliveries", a.listDeliveries, "endpoint", "message", "status", "cursor", "limit")
	api.handle("GET /v1/webhook_deliveries/{id}", a.showDelivery)
	api.handle("POST /v1/webhook_deliveries/{id}/replay", a.replayDelivery)
}

// createEndpoint adds an endpoint. Only this answer holds its secret.
func (a endpointAPI) createEndpoint(w http.ResponseWriter, r *http.Request) {
	var body struct {
		URL   string   `json:"url"`
		Types []string `json:"types"`
	}
	if !decodeBody(w, r, &body) {
		return
	}
	e, secret, err := a.endpoints.Add(r.Context(), body.URL, body.Types)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	w.Header().Set("Location", "/v1/webhook_endpoints/"+string(e.ID))
	a.writeSecret(w, http.StatusCreated, e, secret)
}

// rotateEndpoint creates a new secret for an endpoint. Only this answer holds it.
func (a endpointAPI) rotateEndpoint(w http.ResponseWriter, r *http.Request) {
	e, secret, err := a.endpoints.Rotate(r.Context(), endpointID(r))
	if err != nil {
		a.fail(w, r, err)
		return
	}
	a.writeSecret(w, http.StatusOK, e, secret)
}

func (a endpointAPI) writeSecret(w http.ResponseWriter, status int, e billing.Endpoint, secret billing.Secret) {
	v := view.NewEndpoint(e, a.clock.Now())
	v.Secret = secret.Reveal()
	writeJSON(w, status, v)
}

// listEndpoints lists all endpoints on one page, because there are few.
func (a endpointAPI) listEndpoints(w http.ResponseWriter, r *http.Request) {
	endpoints, err := a.endpoints.Store.Endpoints(r.Context())
	if err != nil {
		a.fail(w, r, err)
		return
	}
	list := view.List[view.Endpoint]{Object: "list", Data: make([]view.Endpoint, len(endpoints))}
	for i, e := range endpoints {
		list.Data[i] = view.NewEndpoint(e, a.clock.Now())
	}
	writeJSON(w, http.StatusOK, list)
}

func (a endpointAPI) showEndpoint(w http.ResponseWriter, r *http.Request) {
	e, err := a.endpoints.Store.Endpoint(r.Context(), endpointID(r))
	a.answerEndpoint(w, r, e, err)
}

// changeEndpoint changes the endpoint's fields that the body has.
func (a endpointAPI) changeEndpoint(w http.ResponseWriter, r *http.Request) {
	var body struct {
		URL    *string                 `json:"url"`
		Types  *billing.TypeFilter     `json:"types"`
		Status *billing.EndpointStatus `json:"status"`
	}
	if !decodeBody(w, r, &body) {
		return
	}
	e, err := a.endpoints.Change(r.Context(), endpointID(r), operator.EndpointChange(body))
	a.answerEndpoint(w, r, e, err)
}

func (a endpointAPI) answerEndpoint(w http.ResponseWriter, r *http.Request, e billing.Endpoint, err error) {
	if err != nil {
		a.fail(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, view.NewEndpoint(e, a.clock.Now()))
}

// deleteEndpoint deletes an endpoint and its deliveries.
func (a endpointAPI) deleteEndpoint(w http.ResponseWriter, r *http.Request) {
	if err := a.endpoints.Delete(r.Context(), endpointID(r)); err != nil {
		a.fail(w, r, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// replayEndpoint resends the messages since a time that an endpoint has not accepted.
func (a endpointAPI) replayEndpoint(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Since     time.Time `json:"since"`
		Delivered bool      `json:"delivered"`
	}
	if !decodeBody(w, r, &body) {
		return
	}
	if body.Since.IsZero() {
		a.fail(w, r, &billing.InvalidError{Fields: []billing.FieldError{{Field: "since", Message: "is missing: an RFC 3339 time, such as 2026-05-01T00:00:00Z"}}})
		return
	}
	n, err := a.endpoints.ReplaySince(r.Context(), endpointID(r), body.Since, body.Delivered)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	writeJSON(w, http.StatusAccepted, map[string]int{"replayed": n})
}

// listDeliveries lists deliveries, newest first, filtered by endpoint, message or status.
func (a endpointAPI) listDeliveries(w http.ResponseWriter, r *http.Request) {
	limit, ok := pageSize(w, r)
	if !ok || !checkQuery(w, r, "dlv_", billing.DeliveryStatuses()) {
		return
	}
	q := r.URL.Query()
	deliveries, err := a.endpoints.Store.Deliveries(r.Context(), billing.DeliveryFilter{
		Endpoint: billing.EndpointID(q.Get("endpoint")), Message: billing.MessageID(q.Get("message")),
		Status: billing.DeliveryStatus(q.Get("status")), Before: billing.DeliveryID(q.Get("cursor")), Limit: limit + 1,
	})
	if err != nil {
		a.fail(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, view.Page(deliveries, limit, view.NewDelivery, func(d billing.WebhookDelivery) string { return string(d.ID) }))
}

// showDelivery answers with one delivery and its message.
func (a endpointAPI) showDelivery(w http.ResponseWriter, r *http.Request) {
	o, err := a.endpoints.Store.Outgoing(r.Context(), deliveryID(r))
	if err != nil {
		a.fail(w, r, err)
		return
	}
	v := view.NewDelivery(o.Delivery)
	v.Payload = o.Message.Payload
	writeJSON(w, http.StatusOK, v)
}

// replayDelivery resends one delivery.
func (a endpointAPI) replayDelivery(w http.ResponseWriter, r *http.Request) {
	d, err := a.endpoints.Replay(r.Context(), deliveryID(r))
	if err != nil {
		a.fail(w, r, err)
		return
	}
	writeJSON(w, http.StatusAccepted, view.NewDelivery(d))
}

func endpointID(r *http.Request) billing.EndpointID { return billing.EndpointID(r.PathValue("id")) }

func deliveryID(r *http.Request) billing.DeliveryID { return billing.DeliveryID(r.PathValue("id")) }
