package store

import (
	"context"
	"strconv"
	"time"

	"tranche/internal/billing"
)

var _ billing.BacklogStore = (*Store)(nil)

// isOpen is the condition of the index charges_open, word for word: SQLite uses such an index for
// nothing else.
const isOpen = "c.status IN ('scheduled', 'collecting', 'retrying', 'requires_action', 'requires_payment_method', 'failed')"

// lastOutcome selects the outcome of the last attempt at charge c, or an empty string if there was
// no attempt. It reads one row per charge: with EXISTS, a server would read the declined attempts
// of all charges.
const lastOutcome = "COALESCE((SELECT a.outcome FROM attempts a WHERE a.charge_id = c.id AND a.number = c.attempt_count), '')"

// isExplained holds if a worker has recorded, since $2, why an overdue charge waits.
const isExplained = "reason <> '' AND updated_at >= $2"

// backlogSQL selects id, time and reason of what is found from $1 to $2, oldest first.
func backlogSQL() map[billing.BacklogKind]string {
	const due = `SELECT id, next_attempt_at AS since, reason FROM charges WHERE next_attempt_at >= $1 AND next_attempt_at <= $2`
	const byTime = " ORDER BY next_attempt_at, id"
	return map[billing.BacklogKind]string{
		billing.BacklogOverdue:  due + " AND status <> 'collecting' AND NOT (" + isExplained + ")" + byTime,
		billing.BacklogDeferred: due + " AND status <> 'collecting' AND " + isExplained + byTime,
		billing.BacklogUnknown:  due + " AND status = 'collecting'" + byTime,
		billing.BacklogRefused: `SELECT c.id, d.held_at AS since, c.reason FROM dunnings d JOIN charges c ON c.id = d.id
			WHERE d.held_at >= $1 AND d.held_at <= $2 AND c.status IN ('collecting', 'retrying', 'failed') ORDER BY d.held_at, d.id`,
		billing.BacklogStranded: `SELECT c.id, c.due_at AS since, c.reason FROM charges c JOIN plans p ON p.id = c.plan_id
			WHERE ` + isOpen + ` AND c.due_at >= $1 AND c.due_at <= $2 AND c.next_attempt_at IS NULL
			AND p.status IN ('active', 'past_due')
			AND (c.status IN ('scheduled', 'collecting', 'retrying')
				OR NOT EXISTS (SELECT 1 FROM notices n WHERE n.charge_id = c.id) AND ` + lastOutcome + ` <> 'error'
				AND NOT EXISTS (SELECT 1 FROM dunnings d WHERE d.id = c.id AND d.status = 'open'))
			ORDER BY c.due_at, c.id`,
		billing.BacklogEventsPending: eventBacklog("pending"),
		billing.BacklogEventsFailed:  eventBacklog("failed"),
		// Ids of notices begin with the time of their making, so the index by status and id finds
		// them by time.
		billing.BacklogNoticesPending: noticeBacklog("pending"),
		// A notice without an address is written as failed, and the plan shows it. It needs no fix,
		// so it is left out.
		billing.BacklogNoticesFailed: noticeBacklog("failed' AND recipient <> '"),
		billing.BacklogDeliveriesOverdue: `SELECT id, next_attempt_at AS since, last_error FROM webhook_deliveries
			WHERE next_attempt_at >= $1 AND next_attempt_at <= $2 ORDER BY next_attempt_at, id`,
		// Deliveries that a disabled endpoint missed raise no alarm.
		billing.BacklogDeliveriesFailed: `SELECT d.id, d.created_at AS since, d.last_error FROM webhook_deliveries d
			JOIN webhook_endpoints e ON e.id = d.endpoint_id AND e.status = 'enabled'
			WHERE d.status = 'failed' AND d.id >= $1 AND d.id < $2 ORDER BY d.id`,
		billing.BacklogEndpointsFailing: `SELECT id, failing_since AS since, reason FROM webhook_endpoints
			WHERE status = 'enabled' AND failing_since >= $1 AND failing_since <= $2 ORDER BY failing_since`,
		billing.BacklogEndpointsDisabled: `SELECT id, disabled_at AS since, reason FROM webhook_endpoints
			WHERE status = 'disabled' AND failing_since IS NOT NULL AND disabled_at >= $1 AND disabled_at <= $2 ORDER BY disabled_at`,
	}
}

func eventBacklog(status string) string {
	return "SELECT id, received_at AS since, reason FROM events WHERE status = '" + status +
		"' AND received_at >= $1 AND received_at <= $2 ORDER BY received_at, id"
}

func noticeBacklog(status string) string {
	return "SELECT id, created_at AS since, reason FROM notices WHERE status = '" + status + "' AND id >= $1 AND id < $2 ORDER BY id"
}

// backlogIDs is how many ids are named.
const backlogIDs = 5

// found is a row that a backlog is made of.
type found struct {
	id, reason string
	since      time.Time
}

// Backlog looks for work that should have happened. Errors: ErrUnavailable.
func (r reader) Backlog(ctx context.Context, kind billing.BacklogKind, from, to time.Time) (billing.Backlog, error) {
	args := []any{from.UnixMilli(), to.UnixMilli()} // a zero time is long ago here
	switch kind {
	case billing.BacklogNoticesPending, billing.BacklogNoticesFailed:
		args = []any{string(billing.FirstNoticeID(from)), string(billing.FirstNoticeID(to.Add(time.Millisecond)))}
	case billing.BacklogDeliveriesFailed:
		args = []any{string(billing.FirstDeliveryID(from)), string(billing.FirstDeliveryID(to.Add(time.Millisecond)))}
	}
	scan := func(row scanner) (f found, err error) {
		err = row.Scan(&f.id, at(&f.since), &f.reason)
		return f, err
	}
	rows, err := all(ctx, r.conn, "look for "+string(kind), scan, backlogSQL()[kind]+" LIMIT "+strconv.Itoa(billing.MaxBacklog), args...)
	if err != nil || len(rows) == 0 {
		return billing.Backlog{}, err
	}
	b := billing.Backlog{Count: len(rows), Oldest: rows[0].since, Reason: rows[0].reason}
	for _, f := range rows[:min(len(rows), backlogIDs)] {
		b.IDs = append(b.IDs, f.id)
	}
	return b, nil
}

// PeriodicJobDone is how far a periodic job has come. Errors: ErrNotFound, ErrUnavailable.
func (r reader) PeriodicJobDone(ctx context.Context, name string) (time.Time, error) {
	scan := func(row scanner) (cursor time.Time, err error) {
		err = row.Scan(at(&cursor))
		return cursor, err
	}
	return one(ctx, r.conn, "look at periodic job "+name, scan, "SELECT cursor_at FROM periodic_jobs WHERE name = $1", name)
}
