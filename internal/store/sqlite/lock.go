package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
)

// fileLock keeps other processes from migrating at the same time. goose finds and applies the steps
// in separate transactions, so the database's own lock is not enough. It cannot be held throughout,
// because the steps need it. So fileLock takes the write lock of an empty database in the same
// folder. That works on every system that SQLite supports, and the system releases the lock when
// the process dies. The file stays, because removing it would admit two processes.
type fileLock struct {
	path string
	db   *sql.DB
	conn *sql.Conn
}

// Lock waits until no other process migrates, for at most a minute.
func (l *fileLock) Lock(ctx context.Context, _ *sql.DB) error {
	if err := create(l.path); err != nil {
		return err
	}
	db, err := sql.Open("sqlite", dsn(l.path, url.Values{"_busy_timeout": {"60000"}}))
	if err != nil {
		return fmt.Errorf("open the migration lock: %w", err)
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		return errors.Join(fmt.Errorf("open the migration lock: %w", err), db.Close())
	}
	if _, err := conn.ExecContext(ctx, "BEGIN EXCLUSIVE"); err != nil {
		return errors.Join(fmt.Errorf("take the migration lock: %w", err), conn.Close(), db.Close())
	}
	l.db, l.conn = db, conn
	return nil
}

// Unlock lets the next one in.
func (l *fileLock) Unlock(ctx context.Context, _ *sql.DB) error {
	_, err := l.conn.ExecContext(ctx, "ROLLBACK")
	if err := errors.Join(err, l.conn.Close(), l.db.Close()); err != nil {
		return fmt.Errorf("leave the migration lock: %w", err)
	}
	return nil
}
