package store

import (
	"context"
	"strconv"
	"time"

	"tranche/internal/billing"
)

// LockCustomer keeps others that lock the customer waiting until the transaction ends.
// Errors: ErrNotFound.
func (t *tx) LockCustomer(ctx context.Context, id billing.CustomerID) error {
	scan := func(row scanner) (found billing.CustomerID, err error) {
		err = row.Scan(&found)
		return found, err
	}
	_, err := one(ctx, t.conn, "lock customer "+string(id), scan, "SELECT id FROM customers WHERE id = $1"+t.dialect.RowLock, id)
	return err
}

// WaitingFailures lists the customer's pending notices of failed charges in an account, oldest
// first.
func (t *tx) WaitingFailures(ctx context.Context, customer billing.CustomerID, account string) ([]billing.Notice, error) {
	return all(ctx, t.conn, "list waiting notices of "+string(customer), scanNotice, "SELECT "+noticeColumns+` FROM notices
		WHERE customer_id = $1 AND claim_after IS NOT NULL AND kind IN ('payment_failed', 'action_required') AND status = 'pending'
			AND (SELECT p.account FROM plans p WHERE p.id = notices.plan_id) = $2
		ORDER BY created_at, id LIMIT `+strconv.Itoa(billing.MaxGathered), customer, account)
}

// DueBeside reports whether another charge of the customer in the account is being made, or is to
// be made by a time.
func (t *tx) DueBeside(ctx context.Context, c billing.Charge, account string, by time.Time) (bool, error) {
	n, err := t.count(ctx, "look for charges due beside "+string(c.ID), `
		SELECT CASE WHEN EXISTS (
			SELECT 1 FROM plans p JOIN charges c ON c.plan_id = p.id
			WHERE p.customer_id = $1 AND p.account = $2 AND p.status IN ('active', 'past_due') AND c.id <> $3
				AND c.status IN ('scheduled', 'collecting', 'retrying') AND c.next_attempt_at <= $4
		) THEN 1 ELSE 0 END`, c.CustomerID, account, c.ID, millis(by))
	return n > 0, err
}
