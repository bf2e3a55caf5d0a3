package store

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"tranche/internal/billing"
)

const incidentColumns = `id, kind, subject, plan_id, charge_id, customer_id, account, detail, remedy, opened_at, closed_at,
	closed_by, note`

func scanIncident(row scanner) (billing.Incident, error) {
	var i billing.Incident
	err := row.Scan(&i.ID, &i.Kind, &i.Subject, text(&i.PlanID), text(&i.ChargeID), text(&i.CustomerID), &i.Account, &i.Detail,
		&i.Remedy, at(&i.OpenedAt), at(&i.ClosedAt), text(&i.ClosedBy), &i.Note)
	return i, err
}

// Incident reads one incident. Errors: ErrNotFound.
func (r reader) Incident(ctx context.Context, id billing.IncidentID) (billing.Incident, error) {
	return one(ctx, r.conn, "read incident "+string(id), scanIncident, "SELECT "+incidentColumns+" FROM incidents WHERE id = $1", id)
}

// lastIncident is a cursor that is greater than every id, so that each page is a range of an index.
const lastIncident billing.IncidentID = "inc_~"

// Incidents lists incidents, newest first.
func (r reader) Incidents(ctx context.Context, f billing.IncidentFilter) ([]billing.Incident, error) {
	if f.Before == "" {
		f.Before = lastIncident
	}
	var where filter
	where.add("id <", f.Before)
	if f.Kind != "" {
		where.add("kind =", f.Kind)
	}
	if f.Subject != "" {
		where.add("subject =", f.Subject)
	}
	if f.Plan != "" {
		where.add("plan_id =", f.Plan)
	}
	if f.Open {
		where.conditions = append(where.conditions, "closed_at IS NULL")
	}
	return all(ctx, r.conn, "list incidents", scanIncident,
		where.sql("SELECT "+incidentColumns+" FROM incidents", "id DESC", f.Limit), where.args...)
}

// stillOpen selects open incidents among those that another condition finds. It matches no partial
// index on purpose: PostgreSQL would read all open incidents along it.
const stillOpen = "COALESCE(closed_at, 0) = 0"

// OpenIncidents lists the open incidents of the given plans, by plan and age.
func (r reader) OpenIncidents(ctx context.Context, plans ...billing.PlanID) ([]billing.Incident, error) {
	return byIDs(ctx, r.conn, "list open incidents", scanIncident,
		"SELECT "+incidentColumns+" FROM incidents WHERE "+stillOpen+" AND plan_id IN", "plan_id, id", plans)
}

// IncidentBacklog groups the open incidents by kind. Ids begin with the time of opening, so the
// oldest incident has the smallest id.
func (r reader) IncidentBacklog(ctx context.Context) (map[billing.IncidentKind]billing.Backlog, error) {
	open, err := all(ctx, r.conn, "look for open incidents", scanIncident, "SELECT "+incidentColumns+
		" FROM incidents WHERE closed_at IS NULL AND id < $1 ORDER BY id LIMIT "+strconv.Itoa(billing.MaxBacklog), lastIncident)
	if err != nil {
		return nil, err
	}
	found := map[billing.IncidentKind]billing.Backlog{}
	for _, i := range open {
		b := found[i.Kind]
		if b.Count == 0 {
			b.Oldest, b.Reason = i.OpenedAt, i.Detail
		}
		if b.Count++; b.Count <= backlogIDs {
			b.IDs = append(b.IDs, string(i.ID))
		}
		found[i.Kind] = b
	}
	return found, nil
}

// OpenIncident opens an incident, or returns false while one of the same kind and subject is open.
func (t *tx) OpenIncident(ctx context.Context, i billing.Incident) (bool, error) {
	i.ID = billing.NewIncidentID(i.OpenedAt)
	if i.Remedy == "" {
		i.Remedy = billing.IncidentRuleOf(i.Kind).Remedy
	}
	added, err := t.insertRows(ctx, "open an incident about "+i.Subject, "incidents", incidentColumns, [][]any{{
		i.ID, i.Kind, i.Subject, orNull(i.PlanID), orNull(i.ChargeID), orNull(i.CustomerID), i.Account, i.Detail, i.Remedy,
		millis(i.OpenedAt), nil, nil, "",
	}})
	if err != nil || added == 0 {
		return false, err
	}
	return true, t.InsertAudit(ctx, incidentEntry(i, "incident.opened", i.OpenedAt, i.Detail, i.Remedy))
}

// incidentEntry is the audit entry of a change of an incident.
func incidentEntry(i billing.Incident, action string, at time.Time, message, next string) billing.AuditEntry {
	return billing.AuditEntry{
		At: at, Action: action, PlanID: i.PlanID, ChargeID: i.ChargeID, CustomerID: i.CustomerID, IncidentID: i.ID,
		Message: message, Next: next,
	}
}

// CloseIncidents closes the open incident of a kind about a subject, if there is one.
func (t *tx) CloseIncidents(ctx context.Context, kind billing.IncidentKind, subject string, note string, now time.Time) error {
	open, err := t.Incidents(ctx, billing.IncidentFilter{Open: true, Kind: kind, Subject: subject})
	if err != nil {
		return err
	}
	for _, i := range open {
		if _, err := t.CloseIncident(ctx, i.ID, note, now); err != nil {
			return err
		}
	}
	return nil
}

// CloseIncident closes one incident. Of two callers at the same time one closes it. Errors:
// ErrNotFound.
func (t *tx) CloseIncident(ctx context.Context, id billing.IncidentID, note string, now time.Time) (billing.Incident, error) {
	closed, err := t.exec(ctx, "close incident "+string(id),
		"UPDATE incidents SET closed_at = $2, closed_by = $3, note = $4 WHERE id = $1 AND "+stillOpen, id, now.UnixMilli(), billing.PartyOf(ctx).Actor, note)
	if err != nil {
		return billing.Incident{}, err
	}
	i, err := t.Incident(ctx, id)
	if err != nil || closed == 0 {
		return i, err
	}
	message := fmt.Sprintf("incident %s about %s is closed", i.Kind, i.Subject)
	if note != "" {
		message += ": " + note
	}
	return i, t.InsertAudit(ctx, incidentEntry(i, "incident.closed", now, message, ""))
}
