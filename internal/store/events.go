package store

import (
	"context"
	"slices"
	"time"

	"tranche/internal/billing"
)

const eventColumns = `id, type, object_id, account, api_version, livemode, payload, created_at, received_at, status, reason,
	claim_after, lease, attempts, handled_at, awaits`

func scanEvent(row scanner) (billing.Event, error) {
	var e billing.Event
	err := row.Scan(&e.ID, &e.Type, &e.ObjectID, &e.Account, &e.APIVersion, &e.Livemode, raw{&e.Payload},
		at(&e.CreatedAt), at(&e.ReceivedAt), &e.Status, &e.Reason, at(&e.ClaimAfter), &e.Lease, &e.Attempts,
		at(&e.HandledAt), text(&e.Awaits))
	return e, err
}

func eventValues(e billing.Event) []any {
	payload := e.Payload
	if payload == nil {
		payload = []byte{} // nil would be NULL
	}
	return []any{
		e.ID, e.Type, e.ObjectID, e.Account, e.APIVersion, e.Livemode, payload, millis(e.CreatedAt),
		millis(e.ReceivedAt), e.Status, e.Reason, millis(e.ClaimAfter), e.Lease, e.Attempts, millis(e.HandledAt),
		orNull(e.Awaits),
	}
}

// Event reads one event.
func (r reader) Event(ctx context.Context, id string) (billing.Event, error) {
	return one(ctx, r.conn, "read event "+id, scanEvent,
		"SELECT "+eventColumns+" FROM events WHERE id = $1", id)
}

// Events lists events by time of receipt, newest first.
func (r reader) Events(ctx context.Context, f billing.EventFilter) ([]billing.Event, error) {
	var where filter
	if f.Status != "" {
		where.add("status =", f.Status)
	}
	if f.Type != "" {
		where.add("type =", f.Type)
	}
	if !f.Before.IsZero() {
		where.add("received_at <", millis(f.Before))
	}
	query := where.sql("SELECT "+eventColumns+" FROM events", "received_at DESC, id DESC", f.Limit)
	return all(ctx, r.conn, "list events", scanEvent, query, where.args...)
}

// InsertEvents stores events in one commit and returns the ids of those that were not there yet, in
// the order given. It dedupes by Stripe's event id: one that is given twice is stored and returned
// once. Errors: ErrUnavailable.
func (s *Store) InsertEvents(ctx context.Context, events []billing.Event) ([]string, error) {
	if len(events) == 0 {
		return nil, nil
	}
	rows := make([][]any, len(events))
	for i, e := range events {
		rows[i] = eventValues(e)
	}
	var ids []string
	insert := func(c conn) (err error) {
		ids, err = insertEvents(ctx, c, rows)
		return err
	}
	var err error
	if len(rows) <= s.rowsPerStatement(rows) {
		err = s.direct(ctx, insert) // one statement is one commit by itself
	} else {
		err = s.update(ctx, func(t *tx) error { return insert(t.conn) })
	}
	if err != nil {
		return nil, err
	}
	return inOrderOf(events, ids), nil
}

func insertEvents(ctx context.Context, c conn, rows [][]any) ([]string, error) {
	var ids []string
	for chunk := range slices.Chunk(rows, c.rowsPerStatement(rows)) {
		query, args := insertSQL("events", eventColumns, chunk)
		added, err := all(ctx, c, "store events", scanID, query+" RETURNING id", args...)
		if err != nil {
			return nil, err
		}
		ids = append(ids, added...)
	}
	return ids, nil
}

func scanID(row scanner) (string, error) {
	var id string
	err := row.Scan(&id)
	return id, err
}

// inOrderOf puts ids in the order of the events: RETURNING promises none.
func inOrderOf(events []billing.Event, ids []string) []string {
	added := make(map[string]bool, len(ids))
	for _, id := range ids {
		added[id] = true
	}
	ordered := ids[:0]
	for _, e := range events {
		if added[e.ID] {
			ordered = append(ordered, e.ID)
			delete(added, e.ID)
		}
	}
	return ordered
}

// UpdateEvent writes what became of an event: status, reason, claim time, attempts and when it was
// handled. What Stripe sent never changes, and the lease only by a claim. Errors: ErrNotFound.
func (t *tx) UpdateEvent(ctx context.Context, e billing.Event) error {
	return t.updateOne(ctx, "update event "+e.ID, `
		UPDATE events SET status = $2, reason = $3, claim_after = $4, attempts = $5, handled_at = $6, awaits = $7 WHERE id = $1`,
		e.ID, e.Status, e.Reason, millis(e.ClaimAfter), e.Attempts, millis(e.HandledAt), orNull(e.Awaits))
}

// WakeEvents makes the events pending that await one of the names. The Insert methods call it for
// the rows that they add.
func (t *tx) WakeEvents(ctx context.Context, now time.Time, names ...string) error {
	for _, name := range names {
		if name == "" {
			continue
		}
		_, err := t.exec(ctx, "wake the events that await "+name,
			"UPDATE events SET status = 'pending', reason = '', claim_after = $2, handled_at = NULL, awaits = NULL WHERE awaits = $1", name, millis(now))
		if err != nil {
			return err
		}
	}
	return nil
}
