package store

import (
	"context"
	"fmt"
	"time"

	"tranche/internal/billing"
)

// Outgoing reads a delivery with its message and its endpoint. Errors: ErrNotFound, ErrUnavailable.
func (r reader) Outgoing(ctx context.Context, id billing.DeliveryID) (o billing.Outgoing, err error) {
	doing := "read delivery " + string(id)
	if o.Delivery, err = one(ctx, r.conn, doing, scanDelivery,
		"SELECT "+deliveryColumns+" FROM webhook_deliveries WHERE id = $1", id); err != nil {
		return o, err
	}
	if o.Message, err = one(ctx, r.conn, doing+": its message", scanMessage,
		"SELECT "+messageColumns+" FROM webhook_messages WHERE id = $1", o.Delivery.MessageID); err != nil {
		return o, err
	}
	o.Endpoint, err = r.Endpoint(ctx, o.Delivery.EndpointID)
	return o, err
}

// HoldDelivery extends the lease, and reports whether this claim still holds it. Errors:
// ErrUnavailable.
func (s *Store) HoldDelivery(ctx context.Context, claim billing.DeliveryClaim, until time.Time) (mine bool, err error) {
	err = s.direct(ctx, func(c conn) error {
		n, err := c.exec(ctx, "hold delivery "+string(claim.DeliveryID), holdDeliverySQL, claim.DeliveryID, claim.Lease, millis(until))
		mine = n > 0
		return err
	})
	return mine, err
}

const holdDeliverySQL = "UPDATE webhook_deliveries SET claim_after = $3 WHERE id = $1 AND lease = $2 AND status = 'pending'"

// RecordDelivery writes what became of a try. Errors: ErrUnavailable.
func (s *Store) RecordDelivery(ctx context.Context, d billing.WebhookDelivery, note billing.EndpointNote) error {
	return s.update(ctx, func(t *tx) error {
		query, args := recordDeliverySQL(d)
		if _, err := t.exec(ctx, "record delivery "+string(d.ID), query, args...); err != nil {
			return err
		}
		return t.noteEndpoint(ctx, d, note)
	})
}

func recordDeliverySQL(d billing.WebhookDelivery) (string, []any) {
	query := `UPDATE webhook_deliveries SET status = $2, attempts = $3, last_status = $4, last_error = $5, next_attempt_at = $6,
		claim_after = $7, last_attempt_at = $8, delivered_at = $9 WHERE id = $1 AND status = 'pending'`
	args := []any{
		d.ID, d.Status, d.Attempts, d.LastStatus, d.LastError, millis(d.NextAttemptAt), millis(d.ClaimAfter), millis(d.LastAttemptAt),
		millis(d.DeliveredAt),
	}
	if d.Status == billing.DeliveryDelivered {
		return query, args
	}
	return query + " AND lease = $10", append(args, d.Lease)
}

// DropDelivery removes a delivery, and does nothing if it does not exist. Errors: ErrUnavailable.
func (s *Store) DropDelivery(ctx context.Context, id billing.DeliveryID) error {
	return s.direct(ctx, func(c conn) error {
		_, err := c.exec(ctx, "drop delivery "+string(id), "DELETE FROM webhook_deliveries WHERE id = $1", id)
		return err
	})
}

// Deliveries lists deliveries, newest first. Errors: ErrUnavailable.
func (r reader) Deliveries(ctx context.Context, f billing.DeliveryFilter) ([]billing.WebhookDelivery, error) {
	var where filter
	if f.Endpoint != "" {
		where.add("endpoint_id =", f.Endpoint)
	}
	if f.Message != "" {
		where.add("message_id =", f.Message)
	}
	if f.Status != "" {
		where.add("status =", f.Status)
	}
	if f.Before != "" {
		where.add("id <", f.Before)
	}
	query := where.sql("SELECT "+deliveryColumns+" FROM webhook_deliveries", "id DESC", f.Limit)
	return all(ctx, r.conn, "list deliveries", scanDelivery, query, where.args...)
}

// PendingDeliveries counts what waits, up to billing.MaxBacklog. Errors: ErrUnavailable.
func (r reader) PendingDeliveries(ctx context.Context) (int, error) {
	n, err := r.count(ctx, "count pending deliveries", fmt.Sprintf(
		"SELECT count(*) FROM (SELECT 1 FROM webhook_deliveries WHERE status = 'pending' LIMIT %d) p", billing.MaxBacklog))
	return int(n), err
}

// replaySQL makes deliveries pending again; $1 is the time. It raises the lease, so a try that is
// in flight cannot overwrite the replay with its failure.
const replaySQL = `UPDATE webhook_deliveries SET status = 'pending', attempts = 0, next_attempt_at = $1, claim_after = $1,
	delivered_at = NULL, last_status = 0, last_error = '', lease = lease + 1 WHERE `

// ReplayDelivery makes a delivery pending and due. Errors: ErrNotFound, ErrUnavailable.
func (s *Store) ReplayDelivery(ctx context.Context, id billing.DeliveryID, now time.Time, entries ...billing.AuditEntry) error {
	return s.update(ctx, func(t *tx) error {
		if err := t.updateOne(ctx, "replay delivery "+string(id), replaySQL+"id = $2", millis(now), id); err != nil {
			return err
		}
		return t.InsertAudit(ctx, entries...)
	})
}

// ReplayDeliveries goes through the messages in order, a page to a transaction. The entries are
// written with the first page, even if it is empty. Errors: ErrUnavailable.
func (s *Store) ReplayDeliveries(ctx context.Context, r billing.Replay, now time.Time, entries ...billing.AuditEntry) (total int, err error) {
	next := string(billing.FirstMessageID(r.Since))
	end := string(billing.FirstMessageID(now.Add(time.Millisecond)))
	for {
		var page []billing.Message
		var n int
		err := s.update(ctx, func(t *tx) (err error) {
			page, err = all(ctx, t.conn, "list messages", scanMessage, replayPageSQL(), next, end)
			if err == nil && len(page) > 0 {
				n, err = t.replay(ctx, page, r, now)
			}
			if err != nil {
				return err
			}
			return t.InsertAudit(ctx, entries...)
		})
		entries = nil
		if err != nil || len(page) == 0 {
			return total, err
		}
		total += n
		next = string(page[len(page)-1].ID) + "0" // the least text after it
	}
}

func replayPageSQL() string {
	return fmt.Sprintf("SELECT %s FROM webhook_messages WHERE id >= $1 AND id < $2 ORDER BY id LIMIT %d", messageColumns, maxList)
}

// replay makes the deliveries of messages to an endpoint pending, and adds those that never were.
func (t *tx) replay(ctx context.Context, messages []billing.Message, r billing.Replay, now time.Time) (int, error) {
	var fresh [][]any
	var ids []string
	for _, m := range messages {
		if !r.Endpoint.Types.Wants(m.Type) {
			continue
		}
		ids = append(ids, string(m.ID))
		fresh = append(fresh, deliveryValues(billing.WebhookDelivery{
			ID: billing.NewDeliveryID(now), MessageID: m.ID, EndpointID: r.Endpoint.ID, Type: m.Type, Status: billing.DeliveryPending,
			NextAttemptAt: now, ClaimAfter: now, CreatedAt: now,
		}))
	}
	if len(ids) == 0 {
		return 0, nil
	}
	doing := "replay to endpoint " + string(r.Endpoint.ID)
	// Those that exist first, so that none is counted twice.
	args := []any{millis(now), r.Endpoint.ID}
	for _, id := range ids {
		args = append(args, id)
	}
	again, err := t.exec(ctx, doing, replayManySQL(r.Delivered, len(ids)), args...)
	if err != nil {
		return 0, err
	}
	added, err := t.insertRows(ctx, doing, "webhook_deliveries", deliveryColumns, fresh)
	return int(again + added), err
}

func replayManySQL(delivered bool, messages int) string {
	query := replaySQL + "endpoint_id = $2 AND message_id IN " + placeholders(3, 1, messages)
	if delivered {
		return query
	}
	return query + " AND status <> 'delivered'"
}

// pruneAtOnce is how many messages are removed in one transaction.
const pruneAtOnce = 500

// PruneMessages removes the oldest messages written before a time, with their deliveries. Errors:
// ErrUnavailable.
func (s *Store) PruneMessages(ctx context.Context, before time.Time) (n int, err error) {
	err = s.update(ctx, func(t *tx) error {
		ids, err := all(ctx, t.conn, "list old messages", scanID, pruneListSQL(), string(billing.FirstMessageID(before)))
		n = len(ids)
		if err != nil || n == 0 {
			return err
		}
		args := make([]any, n)
		for i, id := range ids {
			args[i] = id
		}
		for _, query := range pruneSQL(n) {
			if _, err := t.exec(ctx, "remove old messages", query, args...); err != nil {
				return err
			}
		}
		return nil
	})
	return n, err
}

func pruneListSQL() string {
	return fmt.Sprintf("SELECT id FROM webhook_messages WHERE id < $1 ORDER BY id LIMIT %d", pruneAtOnce)
}

func pruneSQL(n int) []string {
	in := placeholders(1, 1, n)
	return []string{
		"DELETE FROM webhook_deliveries WHERE message_id IN " + in,
		"DELETE FROM webhook_messages WHERE id IN " + in,
	}
}
