package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tranche/internal/billing"
)

var _ billing.ChoreStore = (*Store)(nil)

// claimChoreSQL takes a chore that is due at $3 or sleeps beyond $4, or makes it. The condition is
// part of the statement, so of many callers at once one gets a row back.
const claimChoreSQL = `INSERT INTO chores (name, claim_after, lease) VALUES ($1, $2, 1)
	ON CONFLICT (name) DO UPDATE SET claim_after = excluded.claim_after, lease = chores.lease + 1 WHERE chores.claim_after <= $3 OR chores.claim_after > $4
	RETURNING cursor_at, lease`

// ClaimChore takes the chore when it is due at now, or sleeps beyond latest. Most of the time it
// does neither, and then nothing is written. Errors: ErrUnavailable.
func (s *Store) ClaimChore(ctx context.Context, name string, now, until, latest time.Time) (billing.Chore, bool, error) {
	due, err := s.choreDue(ctx, name, now, latest)
	if err != nil || !due {
		return billing.Chore{}, false, err
	}
	var c billing.Chore
	err = s.direct(ctx, func(db conn) (err error) {
		c, err = one(ctx, db, "claim chore "+name, func(row scanner) (billing.Chore, error) {
			c := billing.Chore{Name: name}
			err := row.Scan(at(&c.Cursor), &c.Lease)
			return c, err
		}, claimChoreSQL, name, millis(until), millis(now), millis(latest))
		return err
	})
	if errors.Is(err, billing.ErrNotFound) {
		return billing.Chore{}, false, nil // another process claimed it first
	}
	return c, err == nil, err
}

func (s *Store) choreDue(ctx context.Context, name string, now, latest time.Time) (bool, error) {
	n, err := s.count(ctx, "look at chore "+name,
		"SELECT count(*) FROM chores WHERE name = $1 AND claim_after > $2 AND claim_after <= $3", name, millis(now), millis(latest))
	return n == 0, err
}

// ExtendChore keeps a claimed chore until until. Errors: ErrConflict, ErrUnavailable.
func (s *Store) ExtendChore(ctx context.Context, c billing.Chore, until time.Time) error {
	return s.changeChore(ctx, "keep", c, "UPDATE chores SET claim_after = $3 WHERE name = $1 AND lease = $2", millis(until))
}

// FinishChore writes how far the chore has come and when it is due next. Errors: ErrConflict,
// ErrUnavailable.
func (s *Store) FinishChore(ctx context.Context, c billing.Chore, cursor, next time.Time) error {
	return s.changeChore(ctx, "finish", c,
		"UPDATE chores SET claim_after = $3, cursor_at = $4 WHERE name = $1 AND lease = $2", millis(next), millis(cursor))
}

// changeChore changes a chore that is still held by this claim: $1 is its name and $2 the claim's
// lease.
func (s *Store) changeChore(ctx context.Context, verb string, c billing.Chore, query string, args ...any) error {
	doing := verb + " chore " + c.Name
	return s.direct(ctx, func(db conn) error {
		n, err := db.exec(ctx, doing, query, append([]any{c.Name, c.Lease}, args...)...)
		if err == nil && n == 0 {
			err = fmt.Errorf("%s: %w", doing, billing.ErrConflict)
		}
		return err
	})
}
