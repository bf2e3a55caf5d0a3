package store

import (
	"context"
	"database/sql"
	"time"

	"tranche/internal/billing"
)

// Statement is one that was run.
type Statement struct {
	Query string
	Args  []any
}

type recorder struct {
	statements
	seen *[]Statement
}

// ExecContext notes the statement and runs it.
func (r recorder) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	*r.seen = append(*r.seen, Statement{query, args})
	return r.statements.ExecContext(ctx, query, args...)
}

// QueryContext notes the statement and runs it.
func (r recorder) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	*r.seen = append(*r.seen, Statement{query, args})
	return r.statements.QueryContext(ctx, query, args...)
}

// Recorded runs fn in a transaction that is rolled back, and returns every statement it ran.
func (s *Store) Recorded(ctx context.Context, fn func(tx billing.Tx)) ([]Statement, error) {
	sqlTx, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return nil, err
	}
	defer func() { _ = sqlTx.Rollback() }()
	var seen []Statement
	c := conn{db: recorder{sqlTx, &seen}, dialect: s.dialect, closed: s.closed, failed: new(failure)}
	fn(&tx{reader{c}})
	return seen, nil
}

// ClaimStatements are the statements that claim and release rows.
func (s *Store) ClaimStatements(limit int) (list []Statement) {
	now := millis(time.Unix(1, 0))
	for table, condition := range map[string]string{
		"charges": anyStatus, "events": onlyPending, "notices": onlyPending, "dunnings": anyStatus, "webhook_deliveries": onlyPending,
	} {
		due := dueSQL(s.dialect, table, condition, limit)
		list = append(list, Statement{due, []any{now}})
		if s.dialect.ReturnsJoined {
			list = append(list, Statement{claimSQL(table, due), []any{now, now}})
		}
	}
	for _, query := range releaseSQL() {
		list = append(list, Statement{query, []any{now, now}})
	}
	return list
}

// Retry exposes how lost transactions are run again.
func Retry(ctx context.Context, fn func() (Fault, error)) error { return new(Store).retry(ctx, fn) }

// Pool is the writing pool.
func (s *Store) Pool() *sql.DB { return s.write }
