package store

import (
	"context"
	"fmt"

	"tranche/internal/billing"
)

var _ billing.WebhookStore = (*Store)(nil)

// InsertEndpoint adds an endpoint. Errors: ErrExists, ErrUnavailable.
func (s *Store) InsertEndpoint(ctx context.Context, e billing.Endpoint, entries ...billing.AuditEntry) error {
	return s.update(ctx, func(t *tx) error {
		err := t.insertOne(ctx, "add endpoint "+string(e.ID), "webhook_endpoints", endpointColumns, []any{
			e.ID, e.URL, typesJSON(e.Types), e.Secret, e.OldSecret, millis(e.OldUntil), e.Status, e.Reason, millis(e.FailingSince),
			millis(e.DisabledAt), millis(e.CreatedAt), millis(e.UpdatedAt), e.Version,
		})
		if err != nil {
			return err
		}
		return t.InsertAudit(ctx, entries...)
	})
}

// Endpoint reads one endpoint. Errors: ErrNotFound, ErrUnavailable.
func (r reader) Endpoint(ctx context.Context, id billing.EndpointID) (billing.Endpoint, error) {
	return one(ctx, r.conn, "read endpoint "+string(id), scanEndpoint,
		"SELECT "+endpointColumns+" FROM webhook_endpoints WHERE id = $1", id)
}

// Endpoints lists all endpoints, oldest first. Errors: ErrUnavailable.
func (r reader) Endpoints(ctx context.Context) ([]billing.Endpoint, error) {
	return all(ctx, r.conn, "list endpoints", scanEndpoint, "SELECT "+endpointColumns+" FROM webhook_endpoints ORDER BY id")
}

// UpdateEndpoint writes an endpoint and raises its version. Errors: ErrNotFound, ErrConflict,
// ErrUnavailable.
func (s *Store) UpdateEndpoint(ctx context.Context, e billing.Endpoint, entries ...billing.AuditEntry) error {
	return s.update(ctx, func(t *tx) error {
		if err := t.updateEndpoint(ctx, e); err != nil {
			return err
		}
		return t.InsertAudit(ctx, entries...)
	})
}

func (t *tx) updateEndpoint(ctx context.Context, e billing.Endpoint) error {
	return t.updateVersion(ctx, "update endpoint "+string(e.ID), "webhook_endpoints", `
		UPDATE webhook_endpoints SET url = $3, types = $4, secret = $5, old_secret = $6, old_until = $7, status = $8, reason = $9,
			failing_since = $10, disabled_at = $11, created_at = $12, updated_at = $13, version = version + 1
		WHERE id = $1 AND version = $2`,
		e.ID, e.Version, e.URL, typesJSON(e.Types), e.Secret, e.OldSecret, millis(e.OldUntil), e.Status, e.Reason,
		millis(e.FailingSince), millis(e.DisabledAt), millis(e.CreatedAt), millis(e.UpdatedAt))
}

// UpdateEndpointSecrets writes an endpoint's secrets and UpdatedAt alone, and raises its version:
// what deliveries note about the endpoint meanwhile stays. Errors: ErrNotFound, ErrConflict,
// ErrUnavailable.
func (s *Store) UpdateEndpointSecrets(ctx context.Context, e billing.Endpoint, entries ...billing.AuditEntry) error {
	return s.update(ctx, func(t *tx) error {
		err := t.updateVersion(ctx, "update the secrets of endpoint "+string(e.ID), "webhook_endpoints", `
			UPDATE webhook_endpoints SET secret = $3, old_secret = $4, old_until = $5, updated_at = $6, version = version + 1
			WHERE id = $1 AND version = $2`,
			e.ID, e.Version, e.Secret, e.OldSecret, millis(e.OldUntil), millis(e.UpdatedAt))
		if err != nil {
			return err
		}
		return t.InsertAudit(ctx, entries...)
	})
}

// dropAtOnce is how many deliveries are removed in one transaction.
const dropAtOnce = 500

// DeleteEndpoint removes an endpoint, and then everything owed to it, a part at a time. Messages
// stay, for the others. A transaction that saw the endpoint may still write a delivery: it is
// dropped when its turn comes. Errors: ErrNotFound, ErrUnavailable.
func (s *Store) DeleteEndpoint(ctx context.Context, id billing.EndpointID, entries ...billing.AuditEntry) error {
	doing := "delete endpoint " + string(id)
	err := s.update(ctx, func(t *tx) error {
		if err := t.updateOne(ctx, doing, "DELETE FROM webhook_endpoints WHERE id = $1", id); err != nil {
			return err
		}
		return t.InsertAudit(ctx, entries...)
	})
	for err == nil {
		var gone int64
		err = s.direct(ctx, func(c conn) (err error) {
			gone, err = c.exec(ctx, doing, dropDeliveriesSQL(), id)
			return err
		})
		if gone == 0 {
			break
		}
	}
	return err
}

func dropDeliveriesSQL() string {
	return fmt.Sprintf(`DELETE FROM webhook_deliveries WHERE id IN
		(SELECT id FROM webhook_deliveries WHERE endpoint_id = $1 ORDER BY id LIMIT %d)`, dropAtOnce)
}

// noteEndpoint writes what a try says about its endpoint. It writes nothing in the usual case, an
// endpoint that works, so that the deliveries to one endpoint do not wait for one another.
func (t *tx) noteEndpoint(ctx context.Context, d billing.WebhookDelivery, note billing.EndpointNote) error {
	doing := "note about endpoint " + string(d.EndpointID)
	switch note {
	case billing.EndpointWorks:
		_, err := t.exec(ctx, doing, `UPDATE webhook_endpoints SET failing_since = NULL
			WHERE id = $1 AND status = 'enabled' AND failing_since IS NOT NULL`, d.EndpointID)
		return err
	case billing.EndpointFails:
		_, err := t.exec(ctx, doing, `UPDATE webhook_endpoints SET failing_since = $2
			WHERE id = $1 AND status = 'enabled' AND failing_since IS NULL`, d.EndpointID, millis(d.LastAttemptAt))
		return err
	case billing.EndpointGone:
		return t.disableEndpoint(ctx, doing, d)
	}
	return nil
}

// disableEndpoint disables an endpoint that failed, and writes an audit entry.
func (t *tx) disableEndpoint(ctx context.Context, doing string, d billing.WebhookDelivery) error {
	n, err := t.exec(ctx, doing, `UPDATE webhook_endpoints SET status = 'disabled', reason = $2, disabled_at = $3, updated_at = $3,
		failing_since = COALESCE(failing_since, $3), version = version + 1
		WHERE id = $1 AND status = 'enabled'`, d.EndpointID, d.LastError, millis(d.LastAttemptAt))
	if err != nil || n == 0 {
		return err
	}
	return t.InsertAudit(ctx, billing.AuditEntry{
		At: d.LastAttemptAt, Action: "endpoint.disabled", Subject: string(d.EndpointID),
		Message: fmt.Sprintf("endpoint %s is disabled: %s", d.EndpointID, d.LastError),
		Next:    "fix it, then run tranche endpoint enable and tranche delivery replay",
	})
}
