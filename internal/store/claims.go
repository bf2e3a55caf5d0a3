package store

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"time"

	"tranche/internal/billing"
)

// Conditions of rows that can fall due. The status is written into the statement: as a parameter it
// would keep the server from proving that an index with a condition fits, once it plans the
// statement for all values at once.
const (
	anyStatus   = ""
	onlyPending = " AND status = 'pending'"
)

// reading makes a claim of what a claimed row holds.
type reading[T any] func(id string, lease int64, status string) T

// due is a claimed row and when it could be claimed.
type due[T any] struct {
	claim T
	id    string
	dueAt int64 // milliseconds
}

// ClaimCharges claims charges with ClaimAfter at or before now, earliest first. Limit is bounded
// like a list's.
func (s *Store) ClaimCharges(ctx context.Context, now, until time.Time, limit int) ([]billing.Claim, error) {
	return claim(ctx, s, "charges", anyStatus, now, until, limit, func(id string, lease int64, status string) billing.Claim {
		return billing.Claim{ChargeID: billing.ChargeID(id), Lease: lease, Status: billing.ChargeStatus(status)}
	})
}

// ClaimEvents claims pending events, earliest first. Limit is bounded like a list's.
func (s *Store) ClaimEvents(ctx context.Context, now, until time.Time, limit int) ([]billing.EventClaim, error) {
	return claim(ctx, s, "events", onlyPending, now, until, limit, func(id string, lease int64, _ string) billing.EventClaim {
		return billing.EventClaim{EventID: id, Lease: lease}
	})
}

// ClaimNotices claims pending notices, earliest first. Limit is bounded like a list's.
func (s *Store) ClaimNotices(ctx context.Context, now, until time.Time, limit int) ([]billing.NoticeClaim, error) {
	return claim(ctx, s, "notices", onlyPending, now, until, limit, func(id string, lease int64, _ string) billing.NoticeClaim {
		return billing.NoticeClaim{NoticeID: billing.NoticeID(id), Lease: lease}
	})
}

// ClaimDeliveries claims pending deliveries to endpoints, earliest first. Limit is bounded like a
// list's.
func (s *Store) ClaimDeliveries(ctx context.Context, now, until time.Time, limit int) ([]billing.DeliveryClaim, error) {
	return claim(ctx, s, "webhook_deliveries", onlyPending, now, until, limit, func(id string, lease int64, _ string) billing.DeliveryClaim {
		return billing.DeliveryClaim{DeliveryID: billing.DeliveryID(id), Lease: lease}
	})
}

// claim moves the claim time of due rows one lease ahead, raises their leases and returns them,
// earliest first. The lease is a visibility timeout: a row stays in flight until its claim time,
// and is then reclaimed by the next claim unless its worker has finished it. A task with the older
// lease is stale and does nothing.
func claim[T any](ctx context.Context, s *Store, table, condition string, now, until time.Time, limit int,
	read reading[T]) ([]T, error) {
	var rows []due[T]
	run := claimInTx[T]
	if s.dialect.ReturnsJoined {
		run = claimAtOnce[T]
	}
	rows, err := run(ctx, s, table, dueSQL(s.dialect, table, condition, limit), now, until, read)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(rows, func(a, b due[T]) int {
		return cmp.Or(cmp.Compare(a.dueAt, b.dueAt), cmp.Compare(a.id, b.id))
	})
	claims := slices.Grow([]T(nil), len(rows))
	for _, r := range rows {
		claims = append(claims, r.claim)
	}
	return claims, nil
}

// dueSQL selects the rows that are due at $1. The limit is written into the statement, so that the
// server knows how few rows follow: with a parameter it would plan for a tenth of the table, and
// read all of it.
func dueSQL(d Dialect, table, condition string, limit int) string {
	return "SELECT id AS due_id, claim_after AS was_due FROM " + table + " WHERE claim_after <= $1" + condition +
		" ORDER BY claim_after LIMIT " + strconv.Itoa(page(limit)) + d.SkipLocked
}

// claimAtOnce claims in one statement. The rows to take are chosen in a WITH, which runs once: a
// subquery after IN may run again and lock more.
func claimAtOnce[T any](ctx context.Context, s *Store, table, dueRows string, now, until time.Time,
	read reading[T]) (rows []due[T], err error) {
	scan := func(row scanner) (d due[T], err error) {
		var lease int64
		var status string
		err = row.Scan(&d.id, &lease, &status, &d.dueAt)
		d.claim = read(d.id, lease, status)
		return d, err
	}
	err = s.direct(ctx, func(c conn) error {
		rows, err = all(ctx, c, "claim due "+table, scan, claimSQL(table, dueRows), millis(now), millis(until))
		return err
	})
	return rows, err
}

func claimSQL(table, dueRows string) string {
	return "WITH due AS (" + dueRows + ") UPDATE " + table + ` SET claim_after = $2, lease = lease + 1
		FROM due WHERE id = due_id RETURNING id, lease, status, was_due`
}

// claimInTx reads which rows are due and then claims them, because SQLite can't return columns of a
// joined table. No other writer can interfere: a transaction in SQLite locks the whole database.
func claimInTx[T any](ctx context.Context, s *Store, table, dueRows string, now, until time.Time,
	read reading[T]) (rows []due[T], err error) {
	doing := "claim due " + table
	err = s.update(ctx, func(t *tx) error {
		rows, err = all(ctx, t.conn, doing, func(row scanner) (due[T], error) {
			var d due[T]
			err := row.Scan(&d.id, &d.dueAt)
			return d, err
		}, dueRows, millis(now))
		if err != nil || len(rows) == 0 {
			return err
		}
		args := []any{millis(until)}
		position := map[string]int{}
		for i, r := range rows {
			args, position[r.id] = append(args, r.id), i
		}
		query := "UPDATE " + table + " SET claim_after = $1, lease = lease + 1 WHERE id IN " +
			placeholders(2, 1, len(rows)) + " RETURNING id, lease, status"
		_, err = all(ctx, t.conn, doing, func(row scanner) (_ struct{}, err error) {
			var id, status string
			var lease int64
			if err = row.Scan(&id, &lease, &status); err == nil {
				rows[position[id]].claim = read(id, lease, status)
			}
			return struct{}{}, err
		}, query, args...)
		return err
	})
	return rows, err
}

// ReleaseClaims wakes at now the rows that are due at now and would wake after latest: charges and
// deliveries whose next attempt is due, dunnings with a step that is due, and all pending events
// and notices. An event or notice that was backing off is thereby tried early, which does no harm.
// An attempt has no claim time: its charge is claimed. Errors: ErrUnavailable.
func (s *Store) ReleaseClaims(ctx context.Context, now, latest time.Time) (released int, err error) {
	err = s.update(ctx, func(t *tx) error {
		released = 0
		for _, query := range releaseSQL() {
			n, err := t.exec(ctx, "release claims", query, millis(now), millis(latest))
			if err != nil {
				return err
			}
			released += int(n)
		}
		return nil
	})
	return released, err
}

// releaseSQL finds rows by the time or status that makes them due, which matches few rows. The
// claim time of every planned row is in the future, so its index would match most of the table.
// "+ 0" keeps the planner from using it. Every dunning is planned, so dunnings may be found by
// claim time.
func releaseSQL() []string {
	const asleep = " AND claim_after + 0 > $2"
	return []string{
		"UPDATE charges SET claim_after = $1 WHERE next_attempt_at <= $1" + asleep,
		"UPDATE events SET claim_after = $1 WHERE status = 'pending'" + asleep,
		"UPDATE notices SET claim_after = $1 WHERE status = 'pending'" + asleep,
		"UPDATE webhook_deliveries SET claim_after = $1 WHERE next_attempt_at <= $1" + asleep,
		"UPDATE dunnings SET claim_after = $1 WHERE claim_after > $2 AND (remind_at <= $1 OR final_at <= $1 OR deadline_at <= $1)",
	}
}
