package store

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"tranche/internal/billing"
)

var _ billing.ChargeLister = (*Store)(nil)

// ListCharges lists charges. The status is written into the statement, or the server could not
// prove that the index of open charges holds them.
func (r reader) ListCharges(ctx context.Context, f billing.ChargeFilter) ([]billing.Charge, error) {
	const doing = "list charges"
	var where filter
	order := "id DESC"
	switch {
	case f.Status != "" && !slices.Contains(billing.OpenChargeStatuses(), f.Status):
		return nil, fmt.Errorf("%s: %q is not the status of an open charge", doing, f.Status)
	case f.Status != "":
		return all(ctx, r.conn, doing, scanCharge, "SELECT "+chargeColumns+" FROM charges c WHERE c.status = '"+string(f.Status)+
			"' AND "+isOpen+" ORDER BY due_at, id LIMIT "+strconv.Itoa(page(f.Limit)))
	case !f.Overdue.IsZero():
		where.add("next_attempt_at <=", millis(f.Overdue))
		order = "next_attempt_at, id"
	case f.Before != "":
		where.add("id <", f.Before)
	}
	return all(ctx, r.conn, doing, scanCharge, where.sql("SELECT "+chargeColumns+" FROM charges", order, f.Limit), where.args...)
}
