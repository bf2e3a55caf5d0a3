package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tranche/internal/billing"
)

var _ billing.PeriodicJobStore = (*Store)(nil)

// claimPeriodicJobSQL takes a periodic job that is due at $3 or sleeps beyond $4, or makes it. The
// condition is part of the statement, so of many callers at once one gets a row back.
const claimPeriodicJobSQL = `INSERT INTO periodic_jobs (name, claim_after, lease) VALUES ($1, $2, 1)
	ON CONFLICT (name) DO UPDATE SET claim_after = excluded.claim_after, lease = periodic_jobs.lease + 1 WHERE periodic_jobs.claim_after <= $3 OR periodic_jobs.claim_after > $4
	RETURNING cursor_at, lease`

// ClaimPeriodicJob takes the periodic job when it is due at now, or sleeps beyond latest. Most of
// the time it does neither, and then nothing is written. Errors: ErrUnavailable.
func (s *Store) ClaimPeriodicJob(ctx context.Context, name string, now, until, latest time.Time) (billing.PeriodicJob, bool, error) {
	due, err := s.periodicJobDue(ctx, name, now, latest)
	if err != nil || !due {
		return billing.PeriodicJob{}, false, err
	}
	var c billing.PeriodicJob
	err = s.direct(ctx, func(db conn) (err error) {
		c, err = one(ctx, db, "claim periodic job "+name, func(row scanner) (billing.PeriodicJob, error) {
			c := billing.PeriodicJob{Name: name}
			err := row.Scan(at(&c.Cursor), &c.Lease)
			return c, err
		}, claimPeriodicJobSQL, name, millis(until), millis(now), millis(latest))
		return err
	})
	if errors.Is(err, billing.ErrNotFound) {
		return billing.PeriodicJob{}, false, nil // another process claimed it first
	}
	return c, err == nil, err
}

func (s *Store) periodicJobDue(ctx context.Context, name string, now, latest time.Time) (bool, error) {
	n, err := s.count(ctx, "look at periodic job "+name,
		"SELECT count(*) FROM periodic_jobs WHERE name = $1 AND claim_after > $2 AND claim_after <= $3", name, millis(now), millis(latest))
	return n == 0, err
}

// ExtendPeriodicJob keeps a claimed periodic job until until. Errors: ErrConflict, ErrUnavailable.
func (s *Store) ExtendPeriodicJob(ctx context.Context, c billing.PeriodicJob, until time.Time) error {
	return s.changePeriodicJob(ctx, "keep", c, "UPDATE periodic_jobs SET claim_after = $3 WHERE name = $1 AND lease = $2", millis(until))
}

// FinishPeriodicJob writes how far the periodic job has come and when it is due next. Errors:
// ErrConflict, ErrUnavailable.
func (s *Store) FinishPeriodicJob(ctx context.Context, c billing.PeriodicJob, cursor, next time.Time) error {
	return s.changePeriodicJob(ctx, "finish", c,
		"UPDATE periodic_jobs SET claim_after = $3, cursor_at = $4 WHERE name = $1 AND lease = $2", millis(next), millis(cursor))
}

// changePeriodicJob changes a periodic job that is still held by this claim: $1 is its name and $2
// the claim's lease.
func (s *Store) changePeriodicJob(ctx context.Context, verb string, c billing.PeriodicJob, query string, args ...any) error {
	doing := verb + " periodic job " + c.Name
	return s.direct(ctx, func(db conn) error {
		n, err := db.exec(ctx, doing, query, append([]any{c.Name, c.Lease}, args...)...)
		if err == nil && n == 0 {
			err = fmt.Errorf("%s: %w", doing, billing.ErrConflict)
		}
		return err
	})
}
