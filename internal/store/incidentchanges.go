package store

import (
	"context"
	"fmt"
	"time"

	"tranche/internal/billing"
)

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
