package store

import (
	"context"
	"strconv"

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
