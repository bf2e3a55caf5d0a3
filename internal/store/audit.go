package store

import (
	"context"

	"tranche/internal/billing"
)

const auditColumns = "at, actor, action, plan_id, charge_id, customer_id, message, next_step"

// AuditTrail lists entries in the order of writing.
func (r reader) AuditTrail(ctx context.Context, f billing.AuditFilter) ([]billing.AuditEntry, error) {
	scan := func(row scanner) (billing.AuditEntry, error) {
		var e billing.AuditEntry
		err := row.Scan(&e.Seq, at(&e.At), &e.Actor, &e.Action, text(&e.PlanID), text(&e.ChargeID),
			text(&e.CustomerID), &e.Message, &e.Next)
		return e, err
	}
	var where filter
	if f.Plan != "" {
		where.add("plan_id =", f.Plan)
	}
	if f.After != 0 {
		where.add("seq >", f.After)
	}
	query := where.sql("SELECT seq, "+auditColumns+" FROM audit", "seq", f.Limit)
	return all(ctx, r.conn, "list audit entries", scan, query, where.args...)
}

// InsertAudit adds entries in the order given. The database numbers them: Seq is not taken from the entries.
func (t *tx) InsertAudit(ctx context.Context, entries ...billing.AuditEntry) error {
	rows := make([][]any, len(entries))
	for i, e := range entries {
		rows[i] = []any{
			millis(e.At), e.Actor, e.Action, orNull(e.PlanID), orNull(e.ChargeID), orNull(e.CustomerID), e.Message, e.Next,
		}
	}
	_, err := t.insertRows(ctx, "add audit entries", "audit", auditColumns, rows)
	return err
}
