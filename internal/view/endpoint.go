package view

import (
	"encoding/json"
	"time"

	"tranche/internal/billing"
)

// Endpoint is the JSON of a merchant's endpoint. Only the answer that creates the secret holds
// it.
type Endpoint struct {
	ID             billing.EndpointID     `json:"id"`
	Object         string                 `json:"object"` // "webhook_endpoint"
	URL            string                 `json:"url"`
	Types          []string               `json:"types"` // empty: everything
	Status         billing.EndpointStatus `json:"status"`
	Reason         string                 `json:"reason,omitempty"`
	FailingSince   *time.Time             `json:"failing_since"`
	DisabledAt     *time.Time             `json:"disabled_at"`
	OldSecretUntil *time.Time             `json:"old_secret_until"`
	CreatedAt      time.Time              `json:"created_at"`
	Secret         string                 `json:"secret,omitempty"`
}

// NewEndpoint returns the JSON of an endpoint. It includes the end of the old secret if that is
// after now.
func NewEndpoint(e billing.Endpoint, now time.Time) Endpoint {
	v := Endpoint{
		ID: e.ID, Object: "webhook_endpoint", URL: e.URL, Types: []string{}, Status: e.Status, Reason: e.Reason,
		FailingSince: orNull(e.FailingSince), DisabledAt: orNull(e.DisabledAt), CreatedAt: e.CreatedAt,
	}
	v.Types = append(v.Types, e.Types...)
	if e.OldUntil.After(now) {
		v.OldSecretUntil = orNull(e.OldUntil)
	}
	return v
}

// Delivery is the JSON of the delivery of one message to one endpoint.
type Delivery struct {
	ID            billing.DeliveryID     `json:"id"`
	Object        string                 `json:"object"` // "webhook_delivery"
	Endpoint      billing.EndpointID     `json:"endpoint"`
	Message       billing.MessageID      `json:"message"`
	Type          string                 `json:"type"`
	Status        billing.DeliveryStatus `json:"status"`
	Attempts      int                    `json:"attempts"`
	LastStatus    *int                   `json:"last_status"`
	LastError     string                 `json:"last_error,omitempty"`
	NextAttemptAt *time.Time             `json:"next_attempt_at"`
	LastAttemptAt *time.Time             `json:"last_attempt_at"`
	DeliveredAt   *time.Time             `json:"delivered_at"`
	CreatedAt     time.Time              `json:"created_at"`
	Payload       json.RawMessage        `json:"payload,omitempty"` // only in the answer about a single delivery
}

// NewDelivery returns the JSON of a delivery without its message.
func NewDelivery(d billing.WebhookDelivery) Delivery {
	v := Delivery{
		ID: d.ID, Object: "webhook_delivery", Endpoint: d.EndpointID, Message: d.MessageID, Type: d.Type, Status: d.Status,
		Attempts: d.Attempts, LastError: d.LastError, NextAttemptAt: orNull(d.NextAttemptAt), LastAttemptAt: orNull(d.LastAttemptAt),
		DeliveredAt: orNull(d.DeliveredAt), CreatedAt: d.CreatedAt,
	}
	if d.LastStatus != 0 {
		v.LastStatus = &d.LastStatus
	}
	return v
}
