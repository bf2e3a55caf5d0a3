package store

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"tranche/internal/billing"
)

const auditColumns = "at, actor, actor_name, action, plan_id, charge_id, customer_id, card_id, notice_id, incident_id, subject, message, next_step"

// AuditTrail lists entries in the order of writing, or in its reverse.
func (r reader) AuditTrail(ctx context.Context, f billing.AuditFilter) ([]billing.AuditEntry, error) {
	scan := func(row scanner) (billing.AuditEntry, error) {
		var e billing.AuditEntry
		err := row.Scan(&e.Seq, at(&e.At), &e.Actor, &e.ActorName, &e.Action, text(&e.PlanID), text(&e.ChargeID),
			text(&e.CustomerID), text(&e.CardID), text(&e.NoticeID), text(&e.IncidentID), text(&e.Subject), &e.Message, &e.Next)
		return e, err
	}
	var where filter
	if f.Plan != "" {
		where.add("plan_id =", f.Plan)
	}
	if f.Actor != "" {
		where.add("actor =", f.Actor)
	}
	if f.Subject != "" {
		where.add("subject =", f.Subject)
	}
	if f.After != 0 {
		where.add("seq >", f.After)
	}
	if f.Before != 0 {
		where.add("seq <", f.Before)
	}
	order := "seq"
	if f.NewestFirst {
		order = "seq DESC"
	}
	query := where.sql("SELECT seq, "+auditColumns+" FROM audit", order, f.Limit)
	return all(ctx, r.conn, "list audit entries", scan, query, where.args...)
}

// InsertAudit adds entries in the order given, by the acting party of the context, with the
// messages about them to the merchant's endpoints. The database numbers the entries and ignores
// their Seq. The insertion also returns whether an endpoint exists; without an endpoint no further
// statement runs.
func (t *tx) InsertAudit(ctx context.Context, entries ...billing.AuditEntry) error {
	if len(entries) == 0 {
		return nil
	}
	entries = slices.Clone(entries)
	rows := make([][]any, len(entries))
	for i, e := range entries {
		e = e.By(billing.PartyOf(ctx))
		entries[i] = e
		rows[i] = []any{
			millis(e.At), e.Actor, e.ActorName, e.Action, orNull(e.PlanID), orNull(e.ChargeID), orNull(e.CustomerID), orNull(e.CardID),
			orNull(e.NoticeID), orNull(e.IncidentID), orNull(e.Subject), e.Message, e.Next,
		}
	}
	notified := false
	for chunk := range slices.Chunk(rows, t.rowsPerStatement(rows)) {
		answers, err := all(ctx, t.conn, "add audit entries", scanBool, auditSQL(chunk), slices.Concat(chunk...)...)
		if err != nil {
			return err
		}
		notified = notified || slices.Contains(answers, true)
	}
	if !notified {
		return nil
	}
	return t.enqueueMessages(ctx, entries)
}

// auditSQL is one statement that adds the rows, and returns for each whether there is an endpoint.
// The question stands in VALUES: not every server that speaks PostgreSQL's protocol takes it in
// RETURNING.
func auditSQL(rows [][]any) string {
	var b strings.Builder
	b.WriteString("INSERT INTO audit (" + auditColumns + ", notified) VALUES ")
	n := 0
	for i, row := range rows {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString("(")
		for range row {
			n++
			b.WriteString("$" + strconv.Itoa(n) + ", ")
		}
		b.WriteString("EXISTS (SELECT 1 FROM webhook_endpoints))")
	}
	return b.String() + " RETURNING notified"
}

func scanBool(row scanner) (bool, error) {
	var v bool
	err := row.Scan(&v)
	return v, err
}
