package store

import (
	"context"

	"tranche/internal/billing"
	"tranche/internal/message"
)

// enqueueMessages writes the messages about entries, and one delivery of each message to every
// enabled endpoint that subscribes to it, in the transaction of the entries. Messages are written
// for disabled endpoints too, so that they can be replayed.
func (t *tx) enqueueMessages(ctx context.Context, entries []billing.AuditEntry) error {
	var heard []billing.AuditEntry
	for _, e := range entries {
		if message.Covers(e.Action) {
			heard = append(heard, e)
		}
	}
	if len(heard) == 0 {
		return nil
	}
	endpoints, err := all(ctx, t.conn, "list endpoints", scanEndpoint, "SELECT "+endpointColumns+" FROM webhook_endpoints ORDER BY id")
	if err != nil {
		return err
	}
	snapshot, err := t.snapshot(ctx, heard)
	if err != nil {
		return err
	}
	var messages, deliveries [][]any
	for _, e := range heard {
		m, err := message.New(e, snapshot)
		if err != nil {
			return err
		}
		messages = append(messages, messageValues(m))
		for _, to := range endpoints {
			if to.Status == billing.EndpointEnabled && to.Types.Wants(m.Type) {
				deliveries = append(deliveries, deliveryValues(billing.WebhookDelivery{
					ID: billing.NewDeliveryID(e.At), MessageID: m.ID, EndpointID: to.ID, Type: m.Type, Status: billing.DeliveryPending,
					NextAttemptAt: e.At, ClaimAfter: e.At, CreatedAt: e.At,
				}))
			}
		}
	}
	if _, err := t.insertRows(ctx, "add messages", "webhook_messages", messageColumns, messages); err != nil {
		return err
	}
	_, err = t.insertRows(ctx, "add deliveries", "webhook_deliveries", deliveryColumns, deliveries)
	return err
}

// snapshot reads the rows that entries name: one statement for each kind of row, however many
// entries there are.
func (t *tx) snapshot(ctx context.Context, entries []billing.AuditEntry) (s message.Snapshot, err error) {
	if s.Plans, err = named(ctx, t.conn, "plans", planColumns, scanPlan, entries,
		func(e billing.AuditEntry) billing.PlanID { return e.PlanID }, func(p billing.Plan) billing.PlanID { return p.ID }); err != nil {
		return s, err
	}
	if s.Charges, err = named(ctx, t.conn, "charges", chargeColumns, scanCharge, entries,
		func(e billing.AuditEntry) billing.ChargeID { return e.ChargeID }, func(c billing.Charge) billing.ChargeID { return c.ID }); err != nil {
		return s, err
	}
	if s.Customers, err = named(ctx, t.conn, "customers", customerColumns, scanCustomer, entries,
		func(e billing.AuditEntry) billing.CustomerID { return e.CustomerID }, func(c billing.Customer) billing.CustomerID { return c.ID }); err != nil {
		return s, err
	}
	if s.Cards, err = named(ctx, t.conn, "cards", cardColumns, scanCard, entries,
		func(e billing.AuditEntry) billing.CardID { return e.CardID }, func(c billing.Card) billing.CardID { return c.ID }); err != nil {
		return s, err
	}
	if s.Notices, err = named(ctx, t.conn, "notices", noticeColumns, scanNotice, entries,
		func(e billing.AuditEntry) billing.NoticeID { return e.NoticeID }, func(n billing.Notice) billing.NoticeID { return n.ID }); err != nil {
		return s, err
	}
	s.Incidents, err = named(ctx, t.conn, "incidents", incidentColumns, scanIncident, entries,
		func(e billing.AuditEntry) billing.IncidentID { return e.IncidentID }, func(i billing.Incident) billing.IncidentID { return i.ID })
	return s, err
}

// named reads the rows of a table that entries name.
func named[ID ~string, T any](ctx context.Context, c conn, table, columns string, scan func(scanner) (T, error),
	entries []billing.AuditEntry, idIn func(billing.AuditEntry) ID, idOf func(T) ID) (map[ID]T, error) {
	var ids []ID
	for _, e := range entries {
		if id := idIn(e); id != "" {
			ids = append(ids, id)
		}
	}
	rows, err := byIDs(ctx, c, "read "+table+" for messages", scan, "SELECT "+columns+" FROM "+table+" WHERE id IN", "id", ids)
	found := make(map[ID]T, len(rows))
	for _, row := range rows {
		found[idOf(row)] = row
	}
	return found, err
}
