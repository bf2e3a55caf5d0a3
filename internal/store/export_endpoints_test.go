package store

import (
	"context"
	"time"

	"tranche/internal/billing"
)

// WebhookStatements runs the statements that read endpoints and deliveries, and those that write
// with an audit entry.
func WebhookStatements(ctx context.Context, in billing.Tx) {
	t, ok := in.(*tx)
	if !ok {
		panic("not a transaction of this package")
	}
	_, _ = t.Endpoint(ctx, "none")
	_, _ = t.Endpoints(ctx)
	_, _ = t.PendingDeliveries(ctx)
	for _, f := range []billing.DeliveryFilter{
		{}, {Endpoint: "x"}, {Message: "x"}, {Status: "pending"}, {Before: "x"}, {Endpoint: "x", Status: "failed", Before: "x"},
	} {
		_, _ = t.Deliveries(ctx, f)
	}
	_ = t.updateEndpoint(ctx, billing.Endpoint{ID: "none"})
	d := billing.WebhookDelivery{ID: "none", EndpointID: "none", LastAttemptAt: time.Unix(1, 0)}
	for _, note := range []billing.EndpointNote{billing.EndpointWorks, billing.EndpointFails, billing.EndpointGone} {
		_ = t.noteEndpoint(ctx, d, note)
	}
	_ = t.enqueueMessages(ctx, []billing.AuditEntry{{
		At: time.Unix(1, 0), Action: "charge.succeeded", PlanID: "x", ChargeID: "x", CustomerID: "x", CardID: "x", NoticeID: "x",
	}})
}

// WebhookChanges are the statements that run outside a transaction of the caller's.
func WebhookChanges() []Statement {
	at, id := any(int64(1)), any("none")
	list := []Statement{
		{"SELECT " + deliveryColumns + " FROM webhook_deliveries WHERE id = $1", []any{id}},
		{"SELECT " + messageColumns + " FROM webhook_messages WHERE id = $1", []any{id}},
		{holdDeliverySQL, []any{id, at, at}},
		{dropDeliveriesSQL(), []any{id}},
		{replaySQL + "id = $2", []any{at, id}},
		{replayManySQL(false, 2), []any{at, id, id, id}},
		{replayManySQL(true, 2), []any{at, id, id, id}},
		{replayPageSQL(), []any{id, id}},
		{pruneListSQL(), []any{id}},
	}
	for _, query := range pruneSQL(2) {
		list = append(list, Statement{query, []any{id, id}})
	}
	for _, status := range billing.DeliveryStatuses() {
		query, args := recordDeliverySQL(billing.WebhookDelivery{Status: status})
		list = append(list, Statement{query, args})
	}
	return list
}
