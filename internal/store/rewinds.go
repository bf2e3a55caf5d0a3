package store

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"tranche/internal/billing"
)

var _ billing.RewindStore = (*Store)(nil)

// patientTries is how often an event is tried before the others no longer wait for it.
const patientTries = 3

// Lineage reads the database's lineage, and makes it at the first use. Errors: ErrUnavailable.
func (s *Store) Lineage(ctx context.Context) (billing.Lineage, error) {
	read := func() (billing.Lineage, error) {
		return one(ctx, s.conn, "read the database's lineage", func(row scanner) (billing.Lineage, error) {
			var l billing.Lineage
			err := row.Scan(&l.Token, &l.Incarnation, at(&l.ReconcileFrom))
			return l, err
		}, "SELECT token, incarnation, reconcile_from FROM lineage WHERE id = 1")
	}
	found, err := read()
	if !isNotFound(err) {
		return found, err
	}
	incarnation, err := s.Incarnation(ctx)
	if err != nil {
		return found, err
	}
	_, err = s.writer().exec(ctx, "begin the database's lineage",
		"INSERT INTO lineage (id, token, incarnation) VALUES (1, $1, $2) ON CONFLICT (id) DO NOTHING", rand.Text(), incarnation)
	if err != nil {
		return found, err
	}
	return read()
}

// SetIncarnation remembers the present incarnation. Errors: ErrUnavailable.
func (s *Store) SetIncarnation(ctx context.Context, incarnation string) error {
	_, err := s.writer().exec(ctx, "remember the incarnation", "UPDATE lineage SET incarnation = $1 WHERE id = 1", incarnation)
	return err
}

// SetReconcileFrom changes from when Stripe's payments are compared before anything is charged.
// Errors: ErrUnavailable.
func (s *Store) SetReconcileFrom(ctx context.Context, from time.Time) error {
	_, err := s.writer().exec(ctx, "set from when to reconcile", "UPDATE lineage SET reconcile_from = $1 WHERE id = 1", millis(from))
	return err
}

// Incarnation is a name that changes when the tables are restored or another server takes over.
// Errors: ErrUnavailable.
func (s *Store) Incarnation(ctx context.Context) (string, error) {
	if s.dialect.Incarnation == nil {
		return "", nil
	}
	name, err := s.dialect.Incarnation(ctx, s.read)
	if err != nil {
		return "", fmt.Errorf("identify the database's incarnation: %w: %w", billing.ErrUnavailable, err)
	}
	return name, nil
}

// Moves counts the servers that this process was connected to.
func (s *Store) Moves() int64 {
	if s.dialect.Moves == nil {
		return 0
	}
	return s.dialect.Moves()
}

// KnownAttempts returns the ids that are in the database. Errors: ErrUnavailable.
func (s *Store) KnownAttempts(ctx context.Context, ids ...billing.AttemptID) ([]billing.AttemptID, error) {
	return byIDs(ctx, s.writer(), "look for attempts", func(row scanner) (billing.AttemptID, error) {
		var id billing.AttemptID
		err := row.Scan(&id)
		return id, err
	}, "SELECT id FROM attempts WHERE id IN", "id", ids)
}

// PendingEvents counts the events that arrived until then and wait for their first few tries.
// Errors: ErrUnavailable.
func (s *Store) PendingEvents(ctx context.Context, until time.Time) (int, error) {
	n, err := s.count(ctx, "count pending events",
		"SELECT count(*) FROM events WHERE status = 'pending' AND received_at <= $1 AND attempts < $2", millis(until), patientTries)
	return int(n), err
}

// PeriodicJobCursor is how far a periodic job has come; zero when it never ended. Errors:
// ErrUnavailable.
func (s *Store) PeriodicJobCursor(ctx context.Context, name string) (time.Time, error) {
	cursor, err := one(ctx, s.writer(), "read the cursor of "+name, func(row scanner) (time.Time, error) {
		var t time.Time
		err := row.Scan(at(&t))
		return t, err
	}, "SELECT cursor_at FROM periodic_jobs WHERE name = $1", name)
	if isNotFound(err) {
		err = nil
	}
	return cursor, err
}

// InsertRewind writes that the database was found to have gone back. Errors: ErrUnavailable.
func (s *Store) InsertRewind(ctx context.Context, r billing.Rewind) error {
	_, err := s.writer().exec(ctx, "note that the database went back",
		"INSERT INTO rewinds (id, found_at, good_at, how, missing, caught_up_at) VALUES ($1, $2, $3, $4, $5, $6)",
		r.ID, millis(r.FoundAt), millis(r.GoodAt), r.How, r.Missing, millis(r.CaughtUpAt))
	return err
}

// EndRewinds notes that everything was caught up. Errors: ErrUnavailable.
func (s *Store) EndRewinds(ctx context.Context, now time.Time) error {
	_, err := s.writer().exec(ctx, "note that the database has caught up",
		"UPDATE rewinds SET caught_up_at = $1 WHERE caught_up_at IS NULL AND found_at <= $1", millis(now))
	return err
}

// Rewinds lists rewinds, newest first. Errors: ErrUnavailable.
func (s *Store) Rewinds(ctx context.Context) ([]billing.Rewind, error) {
	return all(ctx, s.conn, "list rewinds", func(row scanner) (billing.Rewind, error) {
		var r billing.Rewind
		err := row.Scan(&r.ID, at(&r.FoundAt), at(&r.GoodAt), &r.How, &r.Missing, at(&r.CaughtUpAt))
		return r, err
	}, fmt.Sprintf("SELECT id, found_at, good_at, how, missing, caught_up_at FROM rewinds ORDER BY id DESC LIMIT %d", billing.MaxPage))
}

func isNotFound(err error) bool { return errors.Is(err, billing.ErrNotFound) }
