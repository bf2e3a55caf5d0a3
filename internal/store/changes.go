package store

import (
	"context"
	"strconv"

	"tranche/internal/billing"
)

const versionColumns = "plan_id, number, at, actor, what, total, charges"

func scanVersion(row scanner) (billing.PlanVersion, error) {
	var v billing.PlanVersion
	err := row.Scan(&v.PlanID, &v.Number, at(&v.At), &v.Actor, &v.What, &v.Total, raw{&v.Charges})
	return v, err
}

// PlanVersions lists versions of a plan by number.
func (r reader) PlanVersions(ctx context.Context, plan billing.PlanID, after int) ([]billing.PlanVersion, error) {
	return all(ctx, r.conn, "list the versions of plan "+string(plan), scanVersion, "SELECT "+versionColumns+
		" FROM plan_versions WHERE plan_id = $1 AND number > $2 ORDER BY number LIMIT "+strconv.Itoa(billing.MaxPage), plan, after)
}

// LastPlanVersion reads the newest version of a plan. Errors: ErrNotFound.
func (r reader) LastPlanVersion(ctx context.Context, plan billing.PlanID) (billing.PlanVersion, error) {
	return one(ctx, r.conn, "read the last version of plan "+string(plan), scanVersion,
		"SELECT "+versionColumns+" FROM plan_versions WHERE plan_id = $1 ORDER BY number DESC LIMIT 1", plan)
}

// InsertPlanVersion adds a version. Errors: ErrExists.
func (t *tx) InsertPlanVersion(ctx context.Context, v billing.PlanVersion) error {
	return t.insertOne(ctx, "add version "+strconv.Itoa(v.Number)+" of plan "+string(v.PlanID), "plan_versions", versionColumns, []any{
		v.PlanID, v.Number, millis(v.At), v.Actor, v.What, v.Total, string(v.Charges),
	})
}

const refundColumns = `id, plan_id, charge_id, payment_intent, amount, currency, idempotency_key, status, stripe_refund, failure,
	created_at, updated_at`

func scanRefund(row scanner) (billing.Refund, error) {
	var f billing.Refund
	err := row.Scan(&f.ID, &f.PlanID, &f.ChargeID, &f.PaymentIntent, &f.Amount, &f.Currency, &f.IdempotencyKey, &f.Status,
		text(&f.StripeRefund), &f.Failure, at(&f.CreatedAt), at(&f.UpdatedAt))
	return f, err
}

// Refunds lists the refunds of the given charges by charge and age.
func (r reader) Refunds(ctx context.Context, charges ...billing.ChargeID) ([]billing.Refund, error) {
	return byIDs(ctx, r.conn, "list refunds", scanRefund, "SELECT "+refundColumns+" FROM refunds WHERE charge_id IN", "charge_id, id", charges)
}

// InsertRefund adds a refund. Errors: ErrExists, also when the charge has an open one; ErrNotFound
// when there is no such charge.
func (t *tx) InsertRefund(ctx context.Context, f billing.Refund) error {
	return t.insertOne(ctx, "add refund "+string(f.ID), "refunds", refundColumns, []any{
		f.ID, f.PlanID, f.ChargeID, f.PaymentIntent, f.Amount, f.Currency, f.IdempotencyKey, f.Status, orNull(f.StripeRefund), f.Failure,
		millis(f.CreatedAt), millis(f.UpdatedAt),
	})
}

// UpdateRefund writes what became of a refund. Errors: ErrNotFound.
func (t *tx) UpdateRefund(ctx context.Context, f billing.Refund) error {
	return t.updateOne(ctx, "update refund "+string(f.ID),
		"UPDATE refunds SET amount = $2, status = $3, stripe_refund = $4, failure = $5, updated_at = $6 WHERE id = $1",
		f.ID, f.Amount, f.Status, orNull(f.StripeRefund), f.Failure, millis(f.UpdatedAt))
}
