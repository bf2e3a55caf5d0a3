package planwork

import (
	"context"

	"tranche/internal/billing"
)

// OpenChargeIncident opens an incident about a charge, unless one of its kind and subject was
// opened before: a duplicate event must not reopen an incident that an operator closed.
func (t *Tx) OpenChargeIncident(ctx context.Context, c *billing.Charge, kind billing.IncidentKind, subject, detail string) error {
	before, err := t.Incidents(ctx, billing.IncidentFilter{Kind: kind, Subject: subject, Limit: 1})
	if err != nil || len(before) > 0 {
		return err
	}
	_, err = t.OpenIncident(ctx, billing.Incident{
		Kind: kind, Subject: subject, PlanID: t.Plan.ID, ChargeID: c.ID, CustomerID: t.Plan.CustomerID, Account: t.Plan.Account, Detail: detail, OpenedAt: t.Now,
	})
	return err
}
