package store

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"tranche/internal/billing"
)

var _ billing.ReminderStore = (*Store)(nil)

// upcomingSQL walks along charges_due_at. Whether the notice exists is one probe of the unique
// index that dedupes notices by step.
const upcomingSQL = `SELECT c.id, c.due_at FROM charges c JOIN plans p ON p.id = c.plan_id
	WHERE (c.due_at, c.id) > ($1, $2) AND c.due_at <= $3 AND c.status = 'scheduled'
	AND p.status IN ('active', 'past_due') AND p.activated_at <= c.due_at - $4
	AND NOT EXISTS (SELECT 1 FROM notices n WHERE n.charge_id = c.id AND n.step = 'upcoming_charge:' || c.due_at AND n.channel = 'email')
	ORDER BY c.due_at, c.id LIMIT `

// UpcomingCharges lists charges that fall due soon and need a notice to the customer. Errors:
// ErrUnavailable.
func (r reader) UpcomingCharges(ctx context.Context, after billing.DueCharge, to time.Time, lead time.Duration, limit int) ([]billing.DueCharge, error) {
	scan := func(row scanner) (c billing.DueCharge, err error) {
		err = row.Scan(&c.ID, at(&c.DueAt))
		return c, err
	}
	return all(ctx, r.conn, "look for charges that need a notice", scan, upcomingSQL+strconv.Itoa(page(limit)),
		after.DueAt.UnixMilli(), after.ID, to.UnixMilli(), lead.Milliseconds())
}

// checkoutsSQL walks along plans_status. A plan that waits for its checkout has few notices.
const checkoutsSQL = "SELECT " + planColumns + ` FROM plans
	WHERE status = 'awaiting_first_payment' AND id > $1
	AND NOT EXISTS (SELECT 1 FROM notices n WHERE n.plan_id = plans.id AND n.step = $2 AND n.channel = 'email')
	ORDER BY id LIMIT `

// OpenCheckouts lists plans that wait for their checkout and whose customers were not reminded of
// it. Errors: ErrUnavailable.
func (r reader) OpenCheckouts(ctx context.Context, after billing.PlanID, limit int) ([]billing.Plan, error) {
	return all(ctx, r.conn, "look for checkouts that are not completed", scanPlan, checkoutsSQL+strconv.Itoa(page(limit)),
		after, billing.StepCheckoutReminder)
}

// expiringSQL finds the cards of a month. The step of a notice that was written ends with the
// month.
const expiringSQL = `SELECT c.id FROM cards c
	WHERE c.status = 'active' AND c.exp_year = $1 AND c.exp_month = $2 AND c.id > $3
	AND EXISTS (SELECT 1 FROM plans p JOIN charges ch ON ch.plan_id = p.id WHERE p.customer_id = c.customer_id
		AND p.card_id = c.id AND p.status IN ('active', 'past_due') AND ch.status = 'scheduled' AND ch.due_at >= $4)
	AND NOT EXISTS (SELECT 1 FROM notices n WHERE n.charge_id IS NULL AND n.customer_id = c.customer_id
		AND n.step = 'card_expiring:' || c.id || $5 AND n.channel = 'email')
	ORDER BY c.id LIMIT `

// furthestZone is how far a customer's clock may be ahead of UTC (Pacific/Kiritimati).
const furthestZone = 14 * time.Hour

// ExpiringCards lists cards that expire and need a notice to the customer. Errors:
// ErrUnavailable.
func (r reader) ExpiringCards(ctx context.Context, year int, month time.Month, after billing.CardID, limit int) ([]billing.CardID, error) {
	scan := func(row scanner) (id billing.CardID, err error) {
		err = row.Scan(&id)
		return id, err
	}
	later := time.Date(year, month+1, 1, 0, 0, 0, 0, time.UTC).Add(-furthestZone)
	return all(ctx, r.conn, "look for cards that expire", scan, expiringSQL+strconv.Itoa(page(limit)),
		year, int(month), after, later.UnixMilli(), fmt.Sprintf(":%04d-%02d", year, month))
}
