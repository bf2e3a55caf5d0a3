package operator

import (
	"context"
	"fmt"
	"time"

	"tranche/internal/billing"
)

// CloseIncident closes an incident on request. note, which may be empty, records what was done. An
// incident that is closed already stays as it is. Errors: *billing.InvalidError for a note that
// can't be stored, billing.ErrNotFound, billing.ErrUnavailable.
func (o *Operator) CloseIncident(ctx context.Context, id billing.IncidentID, note string) (billing.Incident, error) {
	var closed billing.Incident
	if err := CheckReason("note", note); err != nil {
		return closed, err
	}
	err := o.update(ctx, func(tx billing.Tx, now time.Time) (err error) {
		closed, err = tx.CloseIncident(ctx, id, note, now)
		return err
	})
	if err != nil {
		return closed, fmt.Errorf("close incident %s: %w", id, err)
	}
	return closed, nil
}
