package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"tranche/internal/billing"
)

const (
	// maxTries bounds how often a transaction that lost against others is run.
	maxTries = 10
	// firstPause and longestPause bound the wait before the next try; it doubles from try to try.
	firstPause   = 4 * time.Millisecond
	longestPause = 250 * time.Millisecond
)

// Store is a database behind the contract billing.Store. Make one with the packages sqlite,
// postgres or open. It is safe for use by any number of goroutines.
type Store struct {
	reader     // on the pool for reads
	write      *sql.DB
	read       *sql.DB
	closed     *atomic.Bool
	migrations Migrations
}

var _ billing.Store = (*Store)(nil)

// New makes a store on two pools, which it closes: write for all changes, read for the rest. They
// may be the same pool.
func New(write, read *sql.DB, d Dialect, m Migrations) *Store {
	closed := new(atomic.Bool)
	return &Store{
		reader: reader{conn{db: read, dialect: d, closed: closed}},
		write:  write, read: read, closed: closed, migrations: m,
	}
}

// writer runs single statements that change something.
func (s *Store) writer() conn {
	return conn{db: s.write, dialect: s.dialect, closed: s.closed}
}

// Update runs fn in one transaction and commits when it returns nil. A transaction that lost
// against another (serialization failure, deadlock) is run again from the start, a bounded number
// of times with growing pauses. A statement that failed in the database loses the transaction even
// when fn returns nil: Update then returns the statement's error. Expected answers (ErrNotFound,
// ErrConflict, ErrExists from an Insert of one row) do not.
//
// fn must not call Update, the Inbox or the Calendar of the same store: with SQLite it would wait
// for itself. ErrUnavailable may mean that the connection was lost while committing: whether it was
// committed is then unknown.
func (s *Store) Update(ctx context.Context, fn func(tx billing.Tx) error) error {
	return s.update(ctx, func(t *tx) error { return fn(t) })
}

func (s *Store) update(ctx context.Context, fn func(t *tx) error) error {
	return s.retry(ctx, func() (Fault, error) { return s.once(ctx, fn) })
}

// retry runs fn until it does not report a serialization failure, or gives up.
func (s *Store) retry(ctx context.Context, fn func() (Fault, error)) error {
	pause := firstPause
	for try := 1; ; try++ {
		fault, err := fn()
		if fault != FaultSerialization || try == maxTries {
			return err
		}
		// Jitter keeps those who collided from colliding again.
		timer := time.NewTimer(pause/2 + rand.N(pause/2)) //nolint:gosec // a guessed pause is of no use to an attacker
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return err
		}
		pause = min(2*pause, longestPause)
	}
}

// once runs fn in one transaction.
func (s *Store) once(ctx context.Context, fn func(t *tx) error) (Fault, error) {
	sqlTx, err := s.write.BeginTx(ctx, s.dialect.Begin)
	if err != nil {
		c := s.writer()
		return c.faultOf(ctx, err), c.fail(ctx, "begin a transaction", err)
	}
	committed := false
	defer func() {
		if !committed {
			_ = sqlTx.Rollback() // also when fn panics: an open transaction would keep its locks
		}
	}()
	failed := new(failure)
	c := conn{db: sqlTx, dialect: s.dialect, closed: s.closed, failed: failed}
	err = fn(&tx{reader{c}})
	if err == nil {
		err = failed.err
	}
	if err != nil {
		return failed.fault, err
	}
	if err := sqlTx.Commit(); err != nil {
		return c.faultOf(ctx, err), c.fail(ctx, "commit", err)
	}
	committed = true
	return FaultOther, nil
}

// direct runs a single statement, or a few, that need no transaction of the caller's, with retries.
func (s *Store) direct(ctx context.Context, fn func(c conn) error) error {
	return s.retry(ctx, func() (Fault, error) {
		err := fn(s.writer())
		if err == nil {
			return FaultOther, nil
		}
		return s.writer().faultOf(ctx, err), err
	})
}

// Ping checks that the database answers. Errors: ErrUnavailable.
func (s *Store) Ping(ctx context.Context) error {
	if err := s.read.PingContext(ctx); err != nil {
		return s.fail(ctx, "ping the database", err)
	}
	return nil
}

// Close ends all connections. Everything else returns ErrUnavailable afterwards.
func (s *Store) Close() error {
	s.closed.Store(true)
	err := s.read.Close()
	if s.write != s.read {
		// The writer goes last: SQLite then folds its write-ahead log into the database file.
		err = errors.Join(err, s.write.Close())
	}
	if err != nil {
		return fmt.Errorf("close the database: %w", err)
	}
	return nil
}
