package store

import (
	"context"
	"errors"
	"fmt"

	"tranche/internal/billing"
)

const chargeColumns = `id, plan_id, customer_id, sequence, amount, currency, due_at, status, next_attempt_at, claim_after,
	lease, payment_intent, attempt_count, decline_code, reason, paid_at, created_at, updated_at, version,
	amount_refunded, dispute_status, paid_outside, dropped, checkout`

func scanCharge(row scanner) (billing.Charge, error) {
	var c billing.Charge
	err := row.Scan(&c.ID, &c.PlanID, &c.CustomerID, &c.Sequence, &c.Amount, &c.Currency, at(&c.DueAt), &c.Status,
		at(&c.NextAttemptAt), at(&c.ClaimAfter), &c.Lease, text(&c.PaymentIntent), &c.AttemptCount, &c.DeclineCode,
		&c.Reason, at(&c.PaidAt), at(&c.CreatedAt), at(&c.UpdatedAt), &c.Version, &c.AmountRefunded, &c.DisputeStatus,
		&c.PaidOutside, &c.Dropped, &c.Checkout)
	return c, err
}

func chargeValues(c billing.Charge) []any {
	return []any{
		c.ID, c.PlanID, c.CustomerID, c.Sequence, c.Amount, c.Currency, millis(c.DueAt), c.Status,
		millis(c.NextAttemptAt), millis(c.ClaimAfter), c.Lease, orNull(c.PaymentIntent), c.AttemptCount, c.DeclineCode,
		c.Reason, millis(c.PaidAt), millis(c.CreatedAt), millis(c.UpdatedAt), c.Version,
		c.AmountRefunded, c.DisputeStatus, c.PaidOutside, c.Dropped, c.Checkout,
	}
}

// Charge reads one charge.
func (r reader) Charge(ctx context.Context, id billing.ChargeID) (billing.Charge, error) {
	return one(ctx, r.conn, "read charge "+string(id), scanCharge,
		"SELECT "+chargeColumns+" FROM charges WHERE id = $1", id)
}

// PlanCharges lists the charges of the given plans by plan and sequence.
func (r reader) PlanCharges(ctx context.Context, plans ...billing.PlanID) ([]billing.Charge, error) {
	return byIDs(ctx, r.conn, "list charges", scanCharge,
		"SELECT "+chargeColumns+" FROM charges WHERE plan_id IN", "plan_id, sequence", plans)
}

// ChargeByPaymentIntent finds the charge that a PaymentIntent was made for: the one that has it
// now, or else the one that an attempt was made at with it. Where a PaymentIntent had to be
// replaced, news of the old one still find their charge.
func (r reader) ChargeByPaymentIntent(ctx context.Context, paymentIntent string) (billing.Charge, error) {
	doing := "read the charge of " + paymentIntent
	charge, err := one(ctx, r.conn, doing, scanCharge,
		"SELECT "+chargeColumns+" FROM charges WHERE payment_intent = $1 ORDER BY id LIMIT 1", paymentIntent)
	if !errors.Is(err, billing.ErrNotFound) {
		return charge, err
	}
	return one(ctx, r.conn, doing, scanCharge, "SELECT "+chargeColumns+` FROM charges
		WHERE id IN (SELECT charge_id FROM attempts WHERE payment_intent = $1) ORDER BY id LIMIT 1`, paymentIntent)
}

// InsertCharges adds charges to a plan that exists. Errors: ErrExists, which loses the transaction.
func (t *tx) InsertCharges(ctx context.Context, charges ...billing.Charge) error {
	return t.insertCharges(ctx, "add charges", charges)
}

// insertCharges adds a plan's charges. One that exists already is a defect of the caller's and
// loses the transaction, because the others are written by then. Errors: ErrExists.
func (t *tx) insertCharges(ctx context.Context, doing string, charges []billing.Charge) error {
	rows := make([][]any, len(charges))
	for i, c := range charges {
		rows[i] = chargeValues(c)
	}
	added, err := t.insertRows(ctx, doing, "charges", chargeColumns, rows)
	if err == nil && added < int64(len(rows)) {
		err = fmt.Errorf("%s: %w", doing, billing.ErrExists)
		*t.failed = failure{err: err, fault: FaultDuplicate}
	}
	return err
}

// UpdateCharge writes everything but the lease, and raises the version. Errors: ErrNotFound,
// ErrConflict; ErrExists when another charge was paid with the same PaymentIntent, which loses the
// transaction.
func (t *tx) UpdateCharge(ctx context.Context, c billing.Charge) error {
	return t.updateVersion(ctx, "update charge "+string(c.ID), "charges", `
		UPDATE charges SET plan_id = $3, customer_id = $4, sequence = $5, amount = $6, currency = $7, due_at = $8,
			status = $9, next_attempt_at = $10, claim_after = $11, payment_intent = $12, attempt_count = $13,
			decline_code = $14, reason = $15, paid_at = $16, created_at = $17, updated_at = $18,
			amount_refunded = $19, dispute_status = $20, paid_outside = $21, dropped = $22, checkout = $23, version = version + 1
		WHERE id = $1 AND version = $2`,
		c.ID, c.Version, c.PlanID, c.CustomerID, c.Sequence, c.Amount, c.Currency, millis(c.DueAt),
		c.Status, millis(c.NextAttemptAt), millis(c.ClaimAfter), orNull(c.PaymentIntent), c.AttemptCount,
		c.DeclineCode, c.Reason, millis(c.PaidAt), millis(c.CreatedAt), millis(c.UpdatedAt),
		c.AmountRefunded, c.DisputeStatus, c.PaidOutside, c.Dropped, c.Checkout)
}
