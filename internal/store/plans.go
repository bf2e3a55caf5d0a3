package store

import (
	"context"
	"fmt"

	"tranche/internal/billing"
)

const planColumns = `id, reference, customer_id, card_id, kind, status, currency, total, terms,
	created_at, updated_at, activated_at, version, reason, paused_at, policy, backup_cards,
	setup_intent, recurrence, account, connect, schedule, catch_up,
	setup_key, setup_customer, expires_at`

func scanPlan(row scanner) (billing.Plan, error) {
	var p billing.Plan
	err := row.Scan(&p.ID, &p.Reference, &p.CustomerID, text(&p.CardID), &p.Kind, &p.Status, &p.Currency, &p.Total,
		raw{&p.Terms}, at(&p.CreatedAt), at(&p.UpdatedAt), at(&p.ActivatedAt), &p.Version, &p.Reason, at(&p.PausedAt),
		&p.Policy, &p.BackupCards, text(&p.SetupIntent), documentOrNone{&p.Recurrence}, &p.Account, documentOrNone{&p.Connect},
		documentOrNone{&p.Schedule}, &p.CatchUp, text(&p.SetupRequest.Key), text(&p.SetupRequest.Customer),
		at(&p.ExpiresAt))
	return p, err
}

// Plan reads one plan.
func (r reader) Plan(ctx context.Context, id billing.PlanID) (billing.Plan, error) {
	return one(ctx, r.conn, "read plan "+string(id), scanPlan,
		"SELECT "+planColumns+" FROM plans WHERE id = $1", id)
}

// PlanByReference reads the plan that the merchant calls so.
func (r reader) PlanByReference(ctx context.Context, reference string) (billing.Plan, error) {
	return one(ctx, r.conn, "read the plan with reference "+reference, scanPlan,
		"SELECT "+planColumns+" FROM plans WHERE reference = $1", reference)
}

// Plans lists plans, newest first.
func (r reader) Plans(ctx context.Context, f billing.PlanFilter) ([]billing.Plan, error) {
	var where filter
	if f.Status != "" {
		where.add("status =", f.Status)
	}
	if f.Customer != "" {
		where.add("customer_id =", f.Customer)
	}
	if f.Before != "" {
		where.add("id <", f.Before)
	}
	query := where.sql("SELECT "+planColumns+" FROM plans", "id DESC", f.Limit)
	return all(ctx, r.conn, "list plans", scanPlan, query, where.args...)
}

// LockPlan reads a plan and keeps others from changing it until the transaction ends. Errors:
// ErrNotFound.
func (t *tx) LockPlan(ctx context.Context, id billing.PlanID) (billing.Plan, error) {
	return one(ctx, t.conn, "lock plan "+string(id), scanPlan,
		"SELECT "+planColumns+" FROM plans WHERE id = $1"+t.dialect.RowLock, id)
}

// InsertPlan adds a plan and its charges. Errors: ErrExists; ErrNotFound when there is no such
// customer or card.
func (t *tx) InsertPlan(ctx context.Context, p billing.Plan, charges []billing.Charge) error {
	err := t.insertOne(ctx, "add plan "+string(p.ID), "plans", planColumns, planValues(p))
	if err != nil {
		return err
	}
	if err := t.insertCharges(ctx, "add the charges of plan "+string(p.ID), charges); err != nil {
		return err
	}
	for _, c := range charges {
		if err := t.WakeEvents(ctx, p.CreatedAt, c.PaymentIntent); err != nil {
			return err
		}
	}
	return nil
}

// UpdatePlan changes a plan and raises its version. Errors: ErrNotFound, ErrConflict.
func (t *tx) UpdatePlan(ctx context.Context, p billing.Plan) error {
	return t.updateVersion(ctx, "update plan "+string(p.ID), "plans", `
		UPDATE plans SET reference = $3, customer_id = $4, card_id = $5, kind = $6, status = $7, currency = $8,
			total = $9, terms = $10, created_at = $11, updated_at = $12, activated_at = $13, reason = $14, paused_at = $15,
			policy = $16, backup_cards = $17, setup_intent = $18, recurrence = $19, account = $20, connect = $21,
			schedule = $22, catch_up = $23, setup_key = $24, setup_customer = $25, expires_at = $26, version = version + 1
		WHERE id = $1 AND version = $2`,
		p.ID, p.Version, p.Reference, p.CustomerID, orNull(p.CardID), p.Kind, p.Status, p.Currency,
		p.Total, string(p.Terms), millis(p.CreatedAt), millis(p.UpdatedAt), millis(p.ActivatedAt), p.Reason, millis(p.PausedAt),
		p.Policy, p.BackupCards, orNull(p.SetupIntent), jsonOrNone(p.Recurrence), p.Account, jsonOrNone(p.Connect),
		jsonOrNone(p.Schedule), p.CatchUp, orNull(p.SetupRequest.Key), orNull(p.SetupRequest.Customer), millis(p.ExpiresAt))
}

// DeletePlan removes a plan that never reached Stripe, with everything that hangs on it. Its audit
// entries stay, as entries whose subject is the plan. Errors:
// ErrNotFound; ErrConflict when one of its charges has a PaymentIntent, or an attempt has one.
func (t *tx) DeletePlan(ctx context.Context, id billing.PlanID) error {
	doing := "delete plan " + string(id)
	if _, err := t.LockPlan(ctx, id); err != nil {
		return err
	}
	reached, err := t.count(ctx, doing, `
		SELECT (SELECT count(*) FROM charges WHERE plan_id = $1 AND payment_intent IS NOT NULL)
			+ (SELECT count(*) FROM attempts a JOIN charges c ON c.id = a.charge_id
				WHERE c.plan_id = $1 AND a.payment_intent IS NOT NULL)`, id)
	if err != nil {
		return err
	}
	if reached > 0 {
		return fmt.Errorf("%s, which has a payment at Stripe: %w", doing, billing.ErrConflict)
	}
	for _, query := range []string{
		"DELETE FROM pay_links WHERE plan_id = $1",
		"DELETE FROM card_consents WHERE charge_id IN (SELECT id FROM charges WHERE plan_id = $1)",
		"DELETE FROM notices WHERE charge_id IN (SELECT id FROM charges WHERE plan_id = $1)",
		"DELETE FROM attempts WHERE charge_id IN (SELECT id FROM charges WHERE plan_id = $1)",
		"DELETE FROM refunds WHERE plan_id = $1",
		"DELETE FROM incidents WHERE plan_id = $1",
		"DELETE FROM charges WHERE plan_id = $1",
		"DELETE FROM plan_versions WHERE plan_id = $1",
		"DELETE FROM requests WHERE plan_id = $1",
		"UPDATE audit SET subject = plan_id, plan_id = NULL WHERE plan_id = $1",
		"DELETE FROM plans WHERE id = $1",
	} {
		if _, err := t.exec(ctx, doing, query, id); err != nil {
			return err
		}
	}
	return nil
}

func planValues(p billing.Plan) []any {
	return []any{
		p.ID, p.Reference, p.CustomerID, orNull(p.CardID), p.Kind, p.Status, p.Currency, p.Total, string(p.Terms),
		millis(p.CreatedAt), millis(p.UpdatedAt), millis(p.ActivatedAt), p.Version,
		p.Reason, millis(p.PausedAt), p.Policy, p.BackupCards,
		orNull(p.SetupIntent), jsonOrNone(p.Recurrence), p.Account, jsonOrNone(p.Connect),
		jsonOrNone(p.Schedule), p.CatchUp, orNull(p.SetupRequest.Key), orNull(p.SetupRequest.Customer), millis(p.ExpiresAt),
	}
}
