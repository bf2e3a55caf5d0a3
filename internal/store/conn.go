package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"sync/atomic"

	"tranche/internal/billing"
)

// statements is what *sql.DB and *sql.Tx have in common.
type statements interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// scanner is a row to be read.
type scanner interface{ Scan(dst ...any) error }

// conn runs statements on a pool or in a transaction, and turns what goes wrong into the errors of
// package billing.
type conn struct {
	db      statements
	dialect Dialect
	closed  *atomic.Bool // database/sql has no exported error for a closed pool
	failed  *failure     // nil outside a transaction
}

// failure remembers the first failed statement of a transaction. PostgreSQL refuses everything
// after it and SQLite does not: remembering it makes both behave alike, also when fn swallows the
// error.
type failure struct {
	err   error
	fault Fault
}

// exec runs a statement and returns the number of rows it touched. doing is what for, in words.
func (c conn) exec(ctx context.Context, doing, query string, args ...any) (int64, error) {
	res, err := c.db.ExecContext(ctx, query, args...)
	if err != nil {
		return 0, c.fail(ctx, doing, err)
	}
	n, err := res.RowsAffected()
	if err != nil {
		return 0, c.fail(ctx, doing, err)
	}
	return n, nil
}

// all reads every row of a query.
func all[T any](ctx context.Context, c conn, doing string, scan func(scanner) (T, error), query string, args ...any) ([]T, error) {
	rows, err := c.db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, c.fail(ctx, doing, err)
	}
	defer rows.Close()
	var list []T
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, c.fail(ctx, doing, err)
		}
		list = append(list, v)
	}
	if err := rows.Err(); err != nil {
		return nil, c.fail(ctx, doing, err)
	}
	return list, nil
}

// one reads the first row of a query. Errors: ErrNotFound.
func one[T any](ctx context.Context, c conn, doing string, scan func(scanner) (T, error), query string, args ...any) (T, error) {
	list, err := all(ctx, c, doing, scan, query, args...)
	if err != nil || len(list) == 0 {
		var none T
		if err == nil {
			err = fmt.Errorf("%s: %w", doing, billing.ErrNotFound)
		}
		return none, err
	}
	return list[0], nil
}

// fail wraps an error with what was being done and with the error of package billing that it
// amounts to, and remembers that the transaction is lost.
func (c conn) fail(ctx context.Context, doing string, err error) error {
	fault := c.faultOf(ctx, err)
	wrapped := wrap(ctx, doing, fault, err)
	if c.failed != nil && c.failed.err == nil {
		*c.failed = failure{err: wrapped, fault: fault}
	}
	return wrapped
}

// faultOf classifies an error. It checks the context first: once the context is done, the driver's
// error depends on the step that was interrupted.
func (c conn) faultOf(ctx context.Context, err error) Fault {
	switch {
	case c.closed.Load():
		return FaultUnavailable
	case errors.Is(ctx.Err(), context.Canceled), errors.Is(err, context.Canceled):
		return FaultCanceled
	case errors.Is(ctx.Err(), context.DeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		return FaultUnavailable // waited in vain for a connection, a lock or an answer
	}
	if fault := c.dialect.Fault(err); fault != FaultOther {
		return fault
	}
	var network net.Error
	switch {
	case errors.Is(err, driver.ErrBadConn), errors.Is(err, sql.ErrConnDone),
		errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.As(err, &network):
		return FaultUnavailable
	}
	return FaultOther
}

func wrap(ctx context.Context, doing string, fault Fault, err error) error {
	kind := error(nil)
	switch fault {
	case FaultDuplicate:
		kind = billing.ErrExists
	case FaultMissing:
		kind = billing.ErrNotFound
	case FaultSerialization, FaultUnavailable:
		kind = billing.ErrUnavailable
	case FaultCanceled:
		kind = ctx.Err()
	}
	if kind == nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return fmt.Errorf("%s: %w: %w", doing, kind, err)
}
