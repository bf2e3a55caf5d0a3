package storetest

import (
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"tranche/internal/testenv"
)

// pool keeps migrated schemas from one test to the next of a package. To make one and drop it takes PostgreSQL half a second, and to
// delete what a test left in it the fiftieth part. A schema whose test failed is dropped, and so are all when nobody is using one.
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

// giveBack takes a schema back, empty. It runs after everything else of the test, whose store is closed by then.
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

// clean empties the schema, without regard to foreign keys, and says whether it could: only a superuser may, as the usual server has it.
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

// emptying are the statements that delete every row but the version of the tables, and let numbers begin anew.
func emptying(ctx context.Context, c *pgx.Conn) (string, error) {
	rows, err := c.Query(ctx, `SELECT 'DELETE FROM ' || quote_ident(tablename) FROM pg_tables WHERE schemaname = current_schema() AND tablename NOT LIKE 'goose%'
		UNION ALL SELECT 'ALTER SEQUENCE ' || quote_ident(sequencename) || ' RESTART' FROM pg_sequences WHERE schemaname = current_schema() AND sequencename NOT LIKE 'goose%'`)
	if err != nil {
		return "", err
	}
	statements, err := pgx.CollectRows(rows, pgx.RowTo[string])
	return "SET LOCAL session_replication_role = replica; " + strings.Join(statements, "; "), err
}
