package store

import (
	"encoding/json"

	"tranche/internal/billing"
)

const messageColumns = "id, type, plan_id, payload, created_at"

func messageValues(m billing.Message) []any {
	return []any{m.ID, m.Type, orNull(m.PlanID), string(m.Payload), millis(m.CreatedAt)}
}

func scanMessage(row scanner) (billing.Message, error) {
	var m billing.Message
	err := row.Scan(&m.ID, &m.Type, text(&m.PlanID), raw{&m.Payload}, at(&m.CreatedAt))
	return m, err
}

const deliveryColumns = `id, message_id, endpoint_id, type, status, attempts, last_status, last_error, next_attempt_at, claim_after,
	lease, created_at, last_attempt_at, delivered_at`

func deliveryValues(d billing.WebhookDelivery) []any {
	return []any{
		d.ID, d.MessageID, d.EndpointID, d.Type, d.Status, d.Attempts, d.LastStatus, d.LastError, millis(d.NextAttemptAt),
		millis(d.ClaimAfter), d.Lease, millis(d.CreatedAt), millis(d.LastAttemptAt), millis(d.DeliveredAt),
	}
}

func scanDelivery(row scanner) (billing.WebhookDelivery, error) {
	var d billing.WebhookDelivery
	err := row.Scan(&d.ID, &d.MessageID, &d.EndpointID, &d.Type, &d.Status, &d.Attempts, &d.LastStatus, &d.LastError,
		at(&d.NextAttemptAt), at(&d.ClaimAfter), &d.Lease, at(&d.CreatedAt), at(&d.LastAttemptAt), at(&d.DeliveredAt))
	return d, err
}

const endpointColumns = `id, url, types, secret, old_secret, old_until, status, reason, failing_since, disabled_at, created_at,
	updated_at, version`

func scanEndpoint(row scanner) (billing.Endpoint, error) {
	var e billing.Endpoint
	err := row.Scan(&e.ID, &e.URL, document{&e.Types}, &e.Secret, &e.OldSecret, at(&e.OldUntil), &e.Status, &e.Reason,
		at(&e.FailingSince), at(&e.DisabledAt), at(&e.CreatedAt), at(&e.UpdatedAt), &e.Version)
	return e, err
}

func typesJSON(f billing.TypeFilter) string {
	text, _ := json.Marshal(f) // strings always encode
	return string(text)
}
