package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"tranche/internal/billing"
)

const noticeColumns = `id, kind, plan_id, charge_id, customer_id, step, channel, recipient, data, status, reason, claim_after,
	lease, attempts, message_id, subject, body, created_at, sent_at`

func scanNotice(row scanner) (billing.Notice, error) {
	var n billing.Notice
	err := row.Scan(&n.ID, &n.Kind, &n.PlanID, text(&n.ChargeID), &n.CustomerID, &n.Step, &n.Channel, &n.To,
		document{&n.Data}, &n.Status, &n.Reason, at(&n.ClaimAfter), &n.Lease, &n.Attempts, &n.MessageID, &n.Subject,
		&n.Body, at(&n.CreatedAt), at(&n.SentAt))
	return n, err
}

// noticeData is what a notice says, as JSON. Its times are cut like those in columns.
func noticeData(n billing.Notice) (string, error) {
	n.Data.DueAt = n.Data.DueAt.UTC().Truncate(time.Millisecond)
	n.Data.NextAttemptAt = n.Data.NextAttemptAt.UTC().Truncate(time.Millisecond)
	n.Data.PayBy = n.Data.PayBy.UTC().Truncate(time.Millisecond)
	n.Data.FollowingDue = n.Data.FollowingDue.UTC().Truncate(time.Millisecond)
	n.Data.Others = slices.Clone(n.Data.Others)
	for i := range n.Data.Others {
		o := &n.Data.Others[i]
		o.DueAt, o.NextAttemptAt = o.DueAt.UTC().Truncate(time.Millisecond), o.NextAttemptAt.UTC().Truncate(time.Millisecond)
	}
	n.Data.Schedule = slices.Clone(n.Data.Schedule) // the caller's slice is not changed
	for i := range n.Data.Schedule {
		p := &n.Data.Schedule[i]
		p.DueAt, p.WasDue = p.DueAt.UTC().Truncate(time.Millisecond), p.WasDue.UTC().Truncate(time.Millisecond)
	}
	data, err := json.Marshal(n.Data)
	if err != nil {
		return "", fmt.Errorf("encode the data of notice %s: %w", n.ID, err)
	}
	return string(data), nil
}

// Notice reads one notice.
func (r reader) Notice(ctx context.Context, id billing.NoticeID) (billing.Notice, error) {
	return one(ctx, r.conn, "read notice "+string(id), scanNotice,
		"SELECT "+noticeColumns+" FROM notices WHERE id = $1", id)
}

// Notices lists notices, newest first.
func (r reader) Notices(ctx context.Context, f billing.NoticeFilter) ([]billing.Notice, error) {
	var where filter
	if f.Plan != "" {
		where.add("plan_id =", f.Plan)
	}
	if f.Charge != "" {
		where.add("charge_id =", f.Charge)
	}
	if f.Status != "" {
		where.add("status =", f.Status)
	}
	if f.Before != "" {
		where.add("id <", f.Before)
	}
	query := where.sql("SELECT "+noticeColumns+" FROM notices", "id DESC", f.Limit)
	return all(ctx, r.conn, "list notices", scanNotice, query, where.args...)
}

// InsertNotice adds a notice, or returns false when the charge, or the customer of a notice without
// a charge, already has one for this step and channel. Errors: ErrNotFound when there is no such
// charge.
func (t *tx) InsertNotice(ctx context.Context, n billing.Notice) (bool, error) {
	data, err := noticeData(n)
	if err != nil {
		return false, err
	}
	added, err := t.insertRows(ctx, "add notice "+string(n.ID), "notices", noticeColumns, [][]any{{
		n.ID, n.Kind, n.PlanID, orNull(n.ChargeID), n.CustomerID, n.Step, n.Channel, n.To, data, n.Status, n.Reason,
		millis(n.ClaimAfter), n.Lease, n.Attempts, n.MessageID, n.Subject, n.Body, millis(n.CreatedAt), millis(n.SentAt),
	}})
	return added > 0, err
}

// UpdateNotice writes everything but the lease, which only a claim changes. Errors: ErrNotFound.
func (t *tx) UpdateNotice(ctx context.Context, n billing.Notice) error {
	data, err := noticeData(n)
	if err != nil {
		return err
	}
	return t.updateOne(ctx, "update notice "+string(n.ID), `
		UPDATE notices SET kind = $2, plan_id = $3, charge_id = $4, customer_id = $5, step = $6, channel = $7,
			recipient = $8, data = $9, status = $10, reason = $11, claim_after = $12, attempts = $13, message_id = $14,
			subject = $15, body = $16, created_at = $17, sent_at = $18
		WHERE id = $1`,
		n.ID, n.Kind, n.PlanID, orNull(n.ChargeID), n.CustomerID, n.Step, n.Channel,
		n.To, data, n.Status, n.Reason, millis(n.ClaimAfter), n.Attempts, n.MessageID,
		n.Subject, n.Body, millis(n.CreatedAt), millis(n.SentAt))
}

// EarlierNotice is the customer's oldest waiting notice that was written before another. Errors:
// ErrNotFound.
func (t *tx) EarlierNotice(ctx context.Context, n billing.Notice) (billing.Notice, error) {
	return one(ctx, t.conn, "look for a notice before "+string(n.ID), scanNotice, "SELECT "+noticeColumns+` FROM notices
		WHERE customer_id = $1 AND created_at < $2 AND claim_after IS NOT NULL ORDER BY created_at, id LIMIT 1`, n.CustomerID, millis(n.CreatedAt))
}

// WakeNotices lets the customer's notices that wait for an earlier one be sent now.
func (t *tx) WakeNotices(ctx context.Context, customer billing.CustomerID, reason string, now time.Time) error {
	_, err := t.exec(ctx, "wake the notices of "+string(customer), `UPDATE notices SET claim_after = $3
		WHERE customer_id = $1 AND claim_after IS NOT NULL AND claim_after > $3 AND reason = $2`, customer, reason, millis(now))
	return err
}
