package storetest

import (
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"tranche/internal/testenv"
)

// pool keeps migrated schemas for the next tests of a package. PostgreSQL takes half a second to
// create and drop a schema, and a fiftieth of that to delete the rows of a test. The schema of a
// failed test is dropped. When no test uses a schema, all are dropped.
type pool struct {
	mu    sync.Mutex
	free  []schema
	inUse int
}

// schema is an empty, migrated database in PostgreSQL.
type schema struct {
	url   string
	empty string // the statements that empty it
	drop  func()
}

var schemas pool

// take gives the test a schema of its own, for as long as it runs.
func (p *pool) take(t testing.TB) (s schema, fresh bool) {
	t.Helper()
	p.mu.Lock()
	p.inUse++
	if n := len(p.free); n > 0 {
		s, p.free = p.free[n-1], p.free[:n-1]
	}
	p.mu.Unlock()
	fresh = s.url == ""
	t.Cleanup(func() { p.giveBack(t, s) })
	if fresh {
		s.url, s.drop = testenv.LastingPostgres(t)
	}
	return s, fresh
}

// giveBack takes a schema back, empty. It runs after everything else of the test, whose store is
// closed by then.
func (p *pool) giveBack(t testing.TB, s schema) {
	clean := s.url != "" && !t.Failed() && s.clean()
	p.mu.Lock()
	p.inUse--
	if clean {
		p.free = append(p.free, s)
	}
	var over []schema
	if p.inUse == 0 {
		over, p.free = p.free, nil
	}
	p.mu.Unlock()
	if !clean && s.url != "" {
		over = append(over, s)
	}
	for _, one := range over {
		one.drop()
	}
}

// clean empties the schema, ignoring foreign keys, and reports whether it succeeded: on most
// servers only a superuser may do this.
func (s *schema) clean() bool {
	ctx := context.Background()
	c, err := pgx.Connect(ctx, s.url)
	if err != nil {
		return false
	}
	defer func() { _ = c.Close(ctx) }()
	if s.empty == "" {
		if s.empty, err = emptying(ctx, c); err != nil {
			return false
		}
	}
	_, err = c.Exec(ctx, s.empty) // several statements: one transaction
	return err == nil
}

// emptying returns the statements that delete every row except the schema version, and reset all
// sequences.
func emptying(ctx context.Context, c *pgx.Conn) (string, error) {
	rows, err := c.Query(ctx, `SELECT 'DELETE FROM ' || quote_ident(tablename) FROM pg_tables WHERE schemaname = current_schema() AND tablename NOT LIKE 'goose%'
		UNION ALL SELECT 'ALTER SEQUENCE ' || quote_ident(sequencename) || ' RESTART' FROM pg_sequences WHERE schemaname = current_schema() AND sequencename NOT LIKE 'goose%'`)
	if err != nil {
		return "", err
	}
	statements, err := pgx.CollectRows(rows, pgx.RowTo[string])
	return "SET LOCAL session_replication_role = replica; " + strings.Join(statements, "; "), err
}
