package store

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"tranche/internal/billing"
)

var _ billing.Ledger = (*Store)(nil)

// KnownEvents returns the ids that are in the inbox, by id.
func (r reader) KnownEvents(ctx context.Context, ids ...string) ([]string, error) {
	return byIDs(ctx, r.conn, "look events up", scanID, "SELECT id FROM events WHERE id IN", "id", ids)
}

// PlanAccounts lists the connected accounts that plans name, in order. It looks each up by the one
// before, so that the index of a hundred thousand plans of one account is not read through.
func (r reader) PlanAccounts(ctx context.Context) ([]string, error) {
	var accounts []string
	for last := ""; ; {
		next, err := one(ctx, r.conn, "look the next connected account up", scanID,
			"SELECT account FROM plans WHERE account <> '' AND account > $1 ORDER BY account LIMIT 1", last)
		if errors.Is(err, billing.ErrNotFound) {
			return accounts, nil
		}
		if err != nil {
			return nil, err
		}
		accounts, last = append(accounts, next), next
	}
}

// ChargeAccounts gives the connected account of each charge whose plan names one.
func (r reader) ChargeAccounts(ctx context.Context, ids ...billing.ChargeID) (map[billing.ChargeID]string, error) {
	type row struct {
		id      billing.ChargeID
		account string
	}
	scan := func(s scanner) (r row, err error) { err = s.Scan(&r.id, &r.account); return r, err }
	rows, err := byIDs(ctx, r.conn, "read the accounts of charges", scan,
		"SELECT charges.id, plans.account FROM charges JOIN plans ON plans.id = charges.plan_id WHERE plans.account <> '' AND charges.id IN", "charges.id", ids)
	accounts := make(map[billing.ChargeID]string, len(rows))
	for _, one := range rows {
		accounts[one.id] = one.account
	}
	return accounts, err
}

// Charges lists the charges with the given ids, by id.
func (r reader) Charges(ctx context.Context, ids ...billing.ChargeID) ([]billing.Charge, error) {
	return byIDs(ctx, r.conn, "list charges by id", scanCharge, "SELECT "+chargeColumns+" FROM charges WHERE id IN", "id", ids)
}

// ChargesByPaymentIntents lists the charges that have one of the PaymentIntents now.
func (r reader) ChargesByPaymentIntents(ctx context.Context, paymentIntents ...string) ([]billing.Charge, error) {
	return byIDs(ctx, r.conn, "list charges by PaymentIntent", scanCharge,
		"SELECT "+chargeColumns+" FROM charges WHERE payment_intent IN", "id", paymentIntents)
}

// CountPayments is how many charges due from from to to (exclusive) have a PaymentIntent.
func (r reader) CountPayments(ctx context.Context, from, to time.Time) (int64, error) {
	return r.count(ctx, "count charges", "SELECT count(*) FROM charges WHERE due_at >= $1 AND due_at < $2 AND payment_intent IS NOT NULL",
		millis(from), millis(to))
}

// UnreconciledCharges pages through the charges of a window that Stripe's record should know and
// that were not compared in this run. It walks the index of due times from the cursor on, over
// those that are not wanted too.
func (r reader) UnreconciledCharges(ctx context.Context, f billing.UnreconciledFilter) ([]billing.Charge, error) {
	dueAt := f.After.DueAt
	if dueAt.IsZero() {
		dueAt = f.From.Add(-f.Reach)
	}
	return all(ctx, r.conn, "list charges to reconcile", scanCharge, "SELECT "+chargeColumns+` FROM charges
		WHERE (due_at, id) > ($1, $2) AND due_at < $3 AND (reconciled_at IS NULL OR reconciled_at < $4)
		AND (payment_intent IS NOT NULL OR (status IN ('succeeded', 'refunded', 'disputed') AND NOT paid_outside))
		AND (due_at >= $5 OR paid_at >= $5 OR status IN ('collecting', 'retrying', 'requires_action', 'requires_payment_method'))
		ORDER BY due_at, id LIMIT `+strconv.Itoa(page(f.Limit)),
		millis(dueAt), string(f.After.ID), millis(f.To), millis(f.Run), millis(f.From))
}

// MarkReconciled records that the charges were compared in the run that began at run. Each list is
// one statement. It leaves the charges' versions alone, so a worker that holds a charge sees no
// conflict.
func (s *Store) MarkReconciled(ctx context.Context, run time.Time, ids ...billing.ChargeID) error {
	ids = slices.Compact(slices.Sorted(slices.Values(ids)))
	for chunk := range slices.Chunk(ids, maxList) {
		if err := s.direct(ctx, func(c conn) error { return markReconciled(ctx, c, run, chunk) }); err != nil {
			return err
		}
	}
	return nil
}

func markReconciled(ctx context.Context, c conn, run time.Time, ids []billing.ChargeID) error {
	args := []any{millis(run)}
	for _, id := range ids {
		args = append(args, string(id))
	}
	_, err := c.exec(ctx, "mark charges reconciled", "UPDATE charges SET reconciled_at = $1 WHERE id IN "+
		placeholders(2, 1, len(ids))+" AND (reconciled_at IS NULL OR reconciled_at < $1)", args...)
	return err
}
